"""Benchmarks of outfit swaps."""
