"""Gradio tabs of edge detection, and their settings."""

from shared.edges.tabs.drawing import DrawingTab, display_function
from shared.edges.tabs.photo_maps import side_images
from shared.edges.tabs.settings import settings_panel

__all__ = ["DrawingTab", "display_function", "settings_panel", "side_images"]
