"""Products: joint matching and classification of images and texts (JMC)."""
