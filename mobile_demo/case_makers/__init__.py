"""Contract cases: inputs, and the results that every program must compute of them."""
