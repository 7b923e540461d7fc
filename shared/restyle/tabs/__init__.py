"""Gradio tabs of restyling: cut-outs, changes of clothes, swaps, similar outfits, and endpoints."""

from shared.restyle.tabs.clothes_tab import clothes_tab
from shared.restyle.tabs.cutout_tab import cutout_tab
from shared.restyle.tabs.endpoints import ApiInputs, clothes_endpoints, cutout_endpoint, people_endpoints
from shared.restyle.tabs.generation_endpoints import generation_endpoints
from shared.restyle.tabs.photos import Photos
from shared.restyle.tabs.runners import create_runners
from shared.restyle.tabs.similar.endpoint import similar_endpoint
from shared.restyle.tabs.similar.tab import similar_tab
from shared.restyle.tabs.wear_tab import wear_tab

__all__ = [
    "ApiInputs",
    "Photos",
    "clothes_endpoints",
    "clothes_tab",
    "create_runners",
    "cutout_endpoint",
    "cutout_tab",
    "generation_endpoints",
    "people_endpoints",
    "similar_endpoint",
    "similar_tab",
    "wear_tab",
]
