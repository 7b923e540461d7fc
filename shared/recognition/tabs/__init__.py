"""Gradio tabs of recognition."""
