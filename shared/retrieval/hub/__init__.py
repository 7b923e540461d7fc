"""Public networks of the Hugging Face Hub as engines of image search."""
