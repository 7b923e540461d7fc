"""Tab "Result": the photo next to its drawing, the side outputs of the engine, and the files to download."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.devices import release_freed_memory
from shared.core.file_names import safe_stem
from shared.core.images import open_image, shrink
from shared.edges.edge_map import EdgeMap
from shared.edges.tabs.photo_maps import (
    DISPLAY_SIDE,
    LARGE_PIXELS,
    SIDE_NAMES,
    Detect,
    MapSource,
    MapStore,
    PhotoMaps,
)
from shared.ui.batch import PROGRESS
from shared.ui.components.image_inputs import require_photo
from shared.ui.components.results import display_image, download_button, download_buttons, thumbnail_row
from shared.ui.errors import user_facing
from shared.ui.events import Concurrency, on_event
from shared.ui.gallery.session_store import SessionStore
from shared.ui.long_runs import connect_run, observe_run
from shared.ui.tabs import LazyTab

HINT = "Choose a photo, and its edges appear here."
DRAWING = "Drawing the full size"
#: Full sizes of large photos are drawn one at a time; small photos of other visitors go on between the tiles.
LARGE_PHOTOS = Concurrency("large photos", 1)
#: Key of a visitor, and number of the latest request for a full size.
State: TypeAlias = tuple[str, int]
#: Photo and settings of the maps, style, thin lines, threshold and simplification.
Drawing: TypeAlias = tuple[MapSource, str, bool, float, float]


class DrawingTab:
    """The tab and its events.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        detect: Function that runs a detector.
        inputs: The image, the engine menu, the style, the choice of thin lines, the threshold, the detail and
            the simplification.
        button: Button that asks for the result.
    """

    def __init__(self, space: str, detect: Detect, inputs: Sequence[Component], button: gr.Button) -> None:
        self._maps = MapStore(detect)
        with gr.Tab("Result", elem_id="result") as self._tab:
            self._state = gr.State(None)  # see `State`
            self._finished = gr.State(0)  # number of runs that have ended
            self._drawing = gr.State(None)  # see `Drawing`: everything that the files depend on
            self._slider = gr.ImageSlider(label="Before and after", max_height=520, elem_classes="is-slider")
            self._note = gr.Markdown(HINT, elem_classes="is-note")
            with gr.Column(visible=False, elem_classes="is-run") as self._run_column:
                self._progress = gr.HTML(elem_classes="is-run-progress")
                with gr.Row():
                    self._start = gr.Button("Full size", size="sm")
                    self._stop = gr.Button("Stop", size="sm", interactive=False)
            title = "From the finest texture to the outlines of whole objects"
            self._sides = thumbnail_row(title, len(SIDE_NAMES))
            self._buttons = download_buttons("PNG", "SVG")
            self._files_note = gr.Markdown(elem_classes="is-note")
        self._connect(space, inputs[0], button)
        outputs = [self._slider, self._note, self._run_column, self._sides, *self._buttons, self._files_note]
        self.lazy_tab = LazyTab(
            self._tab,
            user_facing(space)(self._show_drawing),
            [*inputs, self._state, self._finished],
            [*outputs, self._state, self._drawing],
            [self._finished.change],
            progress_on=self._slider,
        )

    def _show_drawing(
        self,
        path: str | None,
        engine: str,
        style: str,
        thin: bool,
        threshold: float,
        detail: str,
        simplification: float,
        state: State | None,
        finished: int,
    ) -> list[object]:
        """Return the values of the outputs: the full size, or for a large photo at first a quick view."""
        no_files = [download_button(), download_button(), ""]
        if not path:
            return [None, HINT, gr.Column(visible=False), None, *no_files, state, None]
        session, number = state or (SessionStore.new_key(), 0)
        maps, begins = self._maps.get(session, MapSource(path, engine, detail))
        edges, stem = maps.at(threshold), safe_stem(path)
        return [
            (display_image(maps.shown, stem), display_image(edges.draw(style, thin=thin), f"{stem}-edges")),
            self._text(maps, edges, thin, session),
            gr.Column(visible=maps.is_quick),
            [(display_image(side, f"{stem}-{name}"), name) for side, name in maps.sides] or None,
            *no_files,
            (session, number + begins),
            None if maps.is_quick else (maps.source, style, thin, threshold, simplification),
        ]

    def _text(self, maps: PhotoMaps, edges: EdgeMap, thin: bool, session: str) -> str:
        """Return the note below the drawing."""
        size = f"{maps.size[0]} × {maps.size[1]} pixels"
        if maps.is_quick and self._maps.is_stopped(session):
            text = f"Stopped: this is the quick view. “Full size” draws all {size}."
        elif maps.is_quick:
            text = f"This is a quick view; the full size of {size} is still to come."
        else:
            text = f"{size}, {edges.seconds:.2f} s, threshold {edges.threshold:.2f}"
            text = f"{text}. {edges.note}" if edges.note else text
        return f"{no_lines_text(edges)} {text}" if thin and not edges.lines.any() else text

    def _connect(self, space: str, image: Component, button: gr.Button) -> None:
        """Connect the run for the full size, the files to download, and the button."""

        @user_facing(space)
        def draw_full_size(
            state: State | None, finished: int, request: gr.Request, progress: gr.Progress = PROGRESS
        ) -> Iterator[int]:
            if state is None:
                return
            if self._maps.resume(state[0]):  # the note says no longer that it is stopped
                finished += 1
                yield finished
            with observe_run(request, progress, DRAWING) as observers:
                progress(0, desc=DRAWING)
                finished += self._maps.run(state[0], **observers)
            yield finished

        @user_facing(space)
        def make_files(drawing: Drawing | None, state: State | None) -> list[object]:
            if drawing is None or state is None:
                return [gr.skip()] * 3
            source, style, thin, threshold, simplification = drawing
            source = MapSource(*source)
            maps = self._maps.full(state[0], source)
            if maps is None:  # the page shows another photo by now
                return [gr.skip()] * 3
            edges, stem = maps.at(threshold), f"{safe_stem(source.path)}-edges"
            files = edges.files(style, thin=thin, tolerance=simplification)
            buttons = [download_button(content, f"{stem}{suffix}") for suffix, content in files.items()]
            if maps.size[0] * maps.size[1] > LARGE_PIXELS:
                release_freed_memory()
            is_empty = not thin and not edges.lines.any()
            return [*buttons, f"The SVG file is empty. {no_lines_text(edges)}" if is_empty else ""]

        connect_run(
            draw_full_size,
            [self._state, self._finished],
            [self._finished],
            start=self._start,
            stop=self._stop,
            triggers=[self._state.change],
            concurrency=LARGE_PHOTOS,
            progress_on=self._progress,
        )
        on_event(
            [self._drawing.change],
            make_files,
            [self._drawing, self._state],
            [*self._buttons, self._files_note],
            concurrency=None,
            progress_on=self._files_note,
        )
        require_photo(space, button, image)


def no_lines_text(edges: EdgeMap) -> str:
    """Return a sentence about a threshold that no line reaches."""
    return f"No line is as strong as {edges.threshold:.2f}: lower the threshold in the settings to see some."


def display_function(detect: Detect) -> Callable[..., Image]:
    """Return a function that draws a photo at the size at which a page shows it.

    Args:
        detect: Function that runs a detector.

    Returns:
        A function `(path, engine, style, thin, threshold, detail)`.
    """

    def draw(path: str, engine: str, style: str, thin: bool, threshold: float, detail: str) -> Image:
        image = shrink(open_image(path), DISPLAY_SIDE)
        return detect(image, engine, threshold, detail).draw(style, thin=thin)

    return draw
