"""Cross-modal search: words and pictures in one space."""
