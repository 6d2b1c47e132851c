"""Quantised variants of the float file, their analysis and their gate."""
