"""Benchmarks of retrieval, one per module, each with a `main` for `shared.retrieval.benchmark`."""
