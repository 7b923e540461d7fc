"""Training of the style network: results of a public teacher, transformer, predictor of style vectors."""
