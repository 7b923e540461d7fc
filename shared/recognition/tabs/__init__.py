"""Gradio tabs of recognition."""

from shared.recognition.tabs.classification import classification_tab, comparison_tab
from shared.recognition.tabs.endpoints import batch_item, segmentation_endpoint, subject_endpoint
from shared.recognition.tabs.explanation import explanation_tab
from shared.recognition.tabs.segmentation import segmentation_tab
from shared.recognition.tabs.subject import subject_tab

__all__ = [
    "batch_item",
    "classification_tab",
    "comparison_tab",
    "explanation_tab",
    "segmentation_endpoint",
    "segmentation_tab",
    "subject_endpoint",
    "subject_tab",
]
