"""The web demo's server: its built page and one bundle, on the standard library."""
