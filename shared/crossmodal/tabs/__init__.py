"""Gradio tabs of cross-modal search."""

from shared.crossmodal.tabs.describe import describe_image, describe_tab
from shared.crossmodal.tabs.match import match_tab
from shared.crossmodal.tabs.models import lazy_captioners, lazy_classifier, lazy_searches
from shared.crossmodal.tabs.query_inputs import query_inputs
from shared.crossmodal.tabs.text_search import image_query, text_search_tab

__all__ = [
    "describe_image",
    "describe_tab",
    "image_query",
    "lazy_captioners",
    "lazy_classifier",
    "lazy_searches",
    "match_tab",
    "query_inputs",
    "text_search_tab",
]
