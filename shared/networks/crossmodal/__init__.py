"""Networks and losses of cross-modal retrieval: joint spaces of images and text."""
