"""Error rates of scores: thresholds, curves and their confidence."""
