"""Recipes of trainings: sections, renamed keys, and those that are shipped."""
