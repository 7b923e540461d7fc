"""Training of clothes parsing from labelled photos, tags, and the masks of public networks."""
