"""How retrieval is measured: one protocol a file, each with a `main` for `shared.retrieval.benchmark`."""
