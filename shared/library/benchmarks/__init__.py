"""Benchmarks of the photo library."""
