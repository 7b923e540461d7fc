"""Benchmarks of mattes: overlap with true masks, speed and memory."""
