"""Search results on a page: the grid of hits and its texts."""
