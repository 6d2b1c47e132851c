"""Procedural face photos: people (`identity`), photos (`capture`), rendering, files."""
