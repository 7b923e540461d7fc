"""Command line `image-spaces`: every capability for files and folders, and a library of photos on disk."""
