"""Looks at files from elsewhere before libraries in C open them in this process."""
