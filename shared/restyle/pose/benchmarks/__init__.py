"""Benchmarks of the pose network."""
