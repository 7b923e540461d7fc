"""Text: normalisation, query arithmetic, translation into English and subword tokenizer."""
