"""Components of the tab "Teach it": the form of a lesson, its report, and the search."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from shared.retrieval.lifelong.methods import DEFAULT_METHOD, METHODS
from shared.retrieval.lifelong.photos import MIN_PHOTOS
from shared.retrieval.tabs.lifelong_report import MEASURE
from shared.ui import assets
from shared.ui.components.image_inputs import image_files, image_input
from shared.ui.search.image_grid import image_grid

#: Methods of the menu, the best one first, without those that need what the starter model does not have.
MENU = (
    DEFAULT_METHOD,
    *(name for name, method in reversed(METHODS.items()) if not method.importance and name != DEFAULT_METHOD),
)
HINT = (
    f"Give it a name and add at least {MIN_PHOTOS} photos, better ten: close up, from several sides. "
    "Only you can use your model and see your photos, and both are deleted an hour after you leave."
)
SEARCH_HINT = "Search with a photo that it has not seen, before and after a lesson."


def method_menu(**settings: Any) -> gr.Dropdown:
    """Create the menu of methods, with the description of the chosen one below; its value is a name.

    Args:
        **settings: Further arguments of `gr.Dropdown`.
    """
    choices = [(METHODS[name].title, name) for name in MENU]
    descriptions = {name: METHODS[name].summary for name in MENU}
    with gr.Column(elem_classes="is-engine"):
        menu = gr.Dropdown(choices, value=MENU[0], label="Method", filterable=False, **settings)
        note = gr.Markdown(descriptions[MENU[0]], elem_classes="is-note")
    js = assets.script("engine_note", descriptions=descriptions)
    menu.change(None, [menu], [note], js=js, api_visibility="private")
    return menu


class TeachPanel:
    """Components of the tab; they are created in open blocks."""

    def __init__(self) -> None:
        self.is_filled = gr.State(False)
        self.version = gr.State(0)  # changes with the model
        self.example = gr.State(0)  # changes with each press on a lesson to try
        self._create_lesson()
        self._create_search()

    def _create_lesson(self) -> None:
        with gr.Row():
            with gr.Column(scale=2):
                self.name = gr.Textbox(label="Name of the new thing", placeholder="kiwi", max_lines=1)
                self.photos = image_files(
                    "Photos of it", file_types=["image", ".zip"], elem_classes="is-files", height=190
                )
                gr.Markdown(HINT, elem_classes="is-note")
                with gr.Accordion("Take photos with the camera", open=False):
                    self.camera = image_input("Camera", sources=["webcam"], height=260)
                gr.Markdown("Or try one of these lessons", elem_classes="is-note")
                self.lessons = image_grid()
                self.method = method_menu()
                with gr.Row():
                    self.teach = gr.Button("Teach", variant="primary")
                    self.stop = gr.Button("Stop", interactive=False)
            with gr.Column(scale=3):
                with gr.Column(elem_classes="is-lesson"):
                    self.model = gr.Markdown()
                    self.progress = gr.HTML(padding=False)
                    self.report = gr.Markdown()
                    self.forgotten = gr.HTML(padding=False)
                    self.chart = gr.HTML(padding=False)
                    self.measure = gr.Markdown(MEASURE, elem_classes="is-note", visible=False)
                    with gr.Row(elem_classes="is-row"):
                        self.undo = gr.Button("Undo the last lesson", size="sm", interactive=False)
                        self.save = gr.DownloadButton("Download the model", size="sm", interactive=False)
                    self.classes = gr.HTML(padding=False)
                with gr.Accordion("Go on with a model that you downloaded", open=False):
                    self.saved = image_files(
                        "Taught model", file_types=[".safetensors"], elem_classes="is-files", height=120
                    )

    def _create_search(self) -> None:
        gr.Markdown("### Search with it")
        with gr.Row():
            with gr.Column(scale=2):
                self.query = image_input("Photo to search with", height=260)
                self.queries = image_grid()
            with gr.Column(scale=3):
                gr.Markdown(SEARCH_HINT, elem_classes="is-note")
                self.results = gr.HTML(padding=False)

    @property
    def filled(self) -> list[Component]:
        """Components that are filled when a visitor opens the tab."""
        return [self.is_filled, self.classes, self.lessons, self.queries]

    @property
    def outputs(self) -> list[Component]:
        """Components that show a model and its last lesson."""
        lesson = [self.progress, self.report, self.forgotten, self.chart, self.measure]
        return [*lesson, self.model, self.undo, self.save, self.version]
