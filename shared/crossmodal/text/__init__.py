"""Text: normalisation, subword tokenizer, vocabulary, query arithmetic."""
