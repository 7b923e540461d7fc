"""Benchmarks of image translation."""
