"""Benchmarks of the search for similar outfits."""
