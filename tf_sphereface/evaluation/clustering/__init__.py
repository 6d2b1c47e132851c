"""Clustering of faces without names, and its agreement with people."""
