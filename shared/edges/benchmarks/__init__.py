"""Benchmark protocols of edge detection."""
