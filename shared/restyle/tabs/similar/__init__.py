"""Tab "Similar outfits" and its endpoint."""
