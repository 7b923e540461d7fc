"""Gradio tabs of image search."""

from shared.retrieval.tabs.image_search import (
    SearchControls,
    image_matches_tab,
    search_controls,
    search_options,
)
from shared.retrieval.tabs.tradeoff import tradeoff_tab

__all__ = ["SearchControls", "image_matches_tab", "search_controls", "search_options", "tradeoff_tab"]
