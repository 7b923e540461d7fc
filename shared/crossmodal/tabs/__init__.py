"""Gradio tabs of cross-modal search."""
