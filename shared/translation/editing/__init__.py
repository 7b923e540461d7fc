"""Images edited by a sentence, with diffusion models from the Hub."""
