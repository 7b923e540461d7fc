"""The gallery tab, its API endpoints, and the store of visitors' galleries."""
