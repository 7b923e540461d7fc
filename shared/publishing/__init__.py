"""Model cards, and uploads of Spaces and weights to the Hugging Face Hub."""
