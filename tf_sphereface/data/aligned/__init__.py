"""The folder of aligned faces: manifest, settings and crops."""
