"""Downloads from the Hugging Face Hub: large files that go on where they were ended, and their progress."""
