"""The alignment of photos into a folder of aligned faces."""
