"""Gradio tabs of recognition."""

from shared.recognition.tabs.classification import classification_tab, comparison_tab
from shared.recognition.tabs.endpoints import batch_item, image_endpoints
from shared.recognition.tabs.explanation import explanation_tab
from shared.recognition.tabs.finding import finding_tab, lazy_finder
from shared.recognition.tabs.segmentation import segmentation_tab
from shared.recognition.tabs.subject import subject_tab

__all__ = [
    "batch_item",
    "classification_tab",
    "comparison_tab",
    "explanation_tab",
    "finding_tab",
    "image_endpoints",
    "lazy_finder",
    "segmentation_tab",
    "subject_tab",
]
