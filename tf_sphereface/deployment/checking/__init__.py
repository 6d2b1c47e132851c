"""Verification of a bundle against its own contract."""
