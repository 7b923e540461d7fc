"""Networks that describe an image in sentences of their own."""
