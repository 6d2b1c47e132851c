"""Exports for servers: SavedModel and ONNX."""
