"""Search of a gallery for people who wear similar garments."""
