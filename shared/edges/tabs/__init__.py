"""Gradio tabs of edge detection."""
