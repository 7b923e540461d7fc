"""Models, tabs and tools of Image Spaces; see docs/architecture.md."""
