"""Embeddings of photos, from models and from files."""
