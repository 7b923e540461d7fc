"""Training of lifelong retrieval: maps of data sets, and the starter network."""
