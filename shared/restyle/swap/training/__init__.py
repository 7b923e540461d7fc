"""Training of outfit swaps on Clothing Co-Parsing."""
