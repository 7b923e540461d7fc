"""Results of a gallery search on a page: the tab, the grid of hits, and their summary in words."""
