"""1:1 verification of pairs, with intervals, groups and calibration."""
