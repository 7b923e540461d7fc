"""Gradio tabs of edge detection, and their settings."""

from shared.edges.tabs.drawing import drawing_tab, side_images
from shared.edges.tabs.settings import SCALES, settings_panel

__all__ = ["SCALES", "drawing_tab", "settings_panel", "side_images"]
