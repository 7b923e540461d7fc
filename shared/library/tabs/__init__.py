"""Tab of the photo library beside the visitor's gallery, where the server names a library."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import gradio as gr

from shared.library import VARIABLE

if TYPE_CHECKING:
    from shared.ui.tabs import LazyTab


class QueryControls(Protocol):
    """Components of a page's query.

    Attributes:
        image: Query image.
        box: Field for the part of the image to search with.
        top_k: Largest number of hits.
        min_score: Lowest score of a hit.
    """

    @property
    def image(self) -> gr.Image: ...
    @property
    def box(self) -> gr.Textbox: ...
    @property
    def top_k(self) -> gr.Slider: ...
    @property
    def min_score(self) -> gr.Slider: ...


def library_tabs(space: str, controls: QueryControls, text: gr.Textbox | None = None) -> list[LazyTab]:
    """Create the tab and the endpoints of the library that the variable `IMAGE_SPACES_LIBRARY` names.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        controls: Components of the page's query.
        text: Words of the query, on a page that has any.

    Returns:
        The tab; nothing without the variable, and nothing of the library is imported then.
    """
    uri = os.environ.get(VARIABLE, "").strip()
    if not uri:
        return []
    from shared.library.tabs.shared_library import shared_library
    from shared.library.tabs.tab import QueryInputs, fill_tab

    with gr.Tab("Library", elem_id="library") as tab:
        text = gr.Textbox("", label="Words", visible=False) if text is None else text
        inputs = QueryInputs(controls.image, text, controls.box, controls.top_k, controls.min_score)
        return [fill_tab(tab, space, shared_library(uri), inputs)]
