"""Lifelong retrieval: a model that is taught new classes and still finds the old ones."""
