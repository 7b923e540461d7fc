"""Benchmarks of cross-modal search, one protocol a module."""
