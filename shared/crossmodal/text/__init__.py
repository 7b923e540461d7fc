"""Text: normalisation, query arithmetic and subword tokenizer."""
