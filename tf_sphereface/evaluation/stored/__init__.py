"""Report folders: writing, reading and comparing them."""
