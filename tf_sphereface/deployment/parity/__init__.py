"""Drift of exported files against the Keras model."""
