"""Gradio tabs of image search and of lifelong search."""

from shared.retrieval.tabs.image_search import (
    SearchControls,
    image_matches_tab,
    search_controls,
    search_options,
)
from shared.retrieval.tabs.lifelong_endpoints import lifelong_endpoints
from shared.retrieval.tabs.lifelong_models import LearnedModels
from shared.retrieval.tabs.lifelong_tab import lifelong_tab
from shared.retrieval.tabs.tradeoff import tradeoff_tab

__all__ = [
    "LearnedModels",
    "SearchControls",
    "image_matches_tab",
    "lifelong_endpoints",
    "lifelong_tab",
    "search_controls",
    "search_options",
    "tradeoff_tab",
]
