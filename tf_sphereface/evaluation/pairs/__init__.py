"""Lists of pairs: reading, sampling and writing them."""
