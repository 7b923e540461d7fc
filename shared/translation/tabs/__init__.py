"""Gradio tabs of image translation: the menu of tasks, their panels, the tabs of results, and endpoints."""

from shared.translation.tabs.edit_runs import connect_edits
from shared.translation.tabs.endpoints import ApiInputs, batch_endpoint, edit_endpoint, translation_endpoints
from shared.translation.tabs.results import cycle_tab, result_tab, several_tab, side_by_side_tab
from shared.translation.tabs.runners import create_runners
from shared.translation.tabs.task_menu import task_menu, task_panels

__all__ = [
    "ApiInputs",
    "batch_endpoint",
    "connect_edits",
    "create_runners",
    "cycle_tab",
    "edit_endpoint",
    "result_tab",
    "several_tab",
    "side_by_side_tab",
    "task_menu",
    "task_panels",
    "translation_endpoints",
]
