"""Pickles as data: a reader of our own that runs nothing."""
