"""A visitor's images: the gallery, its file, filling it, searching it."""
