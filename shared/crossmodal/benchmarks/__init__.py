"""How crossmodal is measured: one protocol a file, each with a `main` for `shared.crossmodal.benchmark`."""
