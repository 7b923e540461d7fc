"""Tab of the photo library beside the visitor's gallery, where the server names a library."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import gradio as gr

from shared.library import VARIABLE

if TYPE_CHECKING:
    from shared.ui.events import Trigger


class QueryControls(Protocol):
    """Components of a page's query.

    Attributes:
        image: Query image.
        box: Field for the part of the image to search with.
        top_k: Largest number of hits.
        min_score: Lowest score of a hit.
        triggers: Events that change the results.
    """

    @property
    def image(self) -> gr.Image: ...
    @property
    def box(self) -> gr.Textbox: ...
    @property
    def top_k(self) -> gr.Slider: ...
    @property
    def min_score(self) -> gr.Slider: ...
    @property
    def triggers(self) -> list[Trigger]: ...


def library_tab(space: str, tabs: gr.Tabs, controls: QueryControls, text: gr.Textbox | None = None) -> None:
    """Create the tab and the endpoints of the library that the variable `IMAGE_SPACES_LIBRARY` names.

    Without the variable there is no tab, and nothing of the library is imported.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        tabs: Parent of the tab, which must be open.
        controls: Components of the page's query.
        text: Words of the query, on a page that has any.
    """
    uri = os.environ.get(VARIABLE, "").strip()
    if not uri:
        return
    from shared.library.tabs.shared_library import shared_library
    from shared.library.tabs.tab import QueryInputs, fill_tab
    from shared.ui.tabs import load_open_tab

    library = shared_library(uri)
    with gr.Tab("Library", elem_id="library") as tab:
        text = gr.Textbox("", label="Words", visible=False) if text is None else text
        inputs = QueryInputs(controls.image, text, controls.box, controls.top_k, controls.min_score)
        lazy_tab = fill_tab(tab, space, library, inputs)
        # A call of its own, since other tabs wait for the networks of this process.
        load_open_tab(tabs, [lazy_tab], controls.triggers, concurrency=library.concurrency)
