"""Benchmarks of clothes parsing."""
