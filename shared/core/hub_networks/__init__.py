"""Networks of the Hugging Face Hub that are run by the package transformers."""
