"""Training that knows how its network will be stored: 8 bits, zeros, few values."""
