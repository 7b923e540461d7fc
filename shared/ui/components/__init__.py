"""Gradio components: image inputs, box selection, charts, results."""
