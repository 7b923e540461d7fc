"""Benchmark protocols of recognition: one per module, run by `shared.recognition.benchmark`."""
