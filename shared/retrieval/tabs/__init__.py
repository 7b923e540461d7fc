"""Gradio tabs of image retrieval."""
