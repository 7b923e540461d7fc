"""Images repainted in painted styles, or in the style of any other image."""
