"""Cross-modal search: text and images in one vector space."""
