"""How recognition is measured: one protocol a file, each with a `main` for `shared.recognition.benchmark`."""
