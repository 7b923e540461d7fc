"""Tab "Change clothes": garments of a photo in a new color, a pattern, or the fabric of another photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component
from PIL import Image

from shared.core.errors import InputError, StoppedError
from shared.core.file_names import safe_stem
from shared.core.images import ImageError, shrink
from shared.restyle.tabs.changes import FABRIC, PALETTE, WORDS, ChangeValues, change_clothes
from shared.restyle.tabs.clothes_panel import ClothesPanel
from shared.restyle.tabs.clothes_state import Entry, Shown, add_entry, thumbnails
from shared.restyle.tabs.generation_panel import ENGINE, READY, parse_settings
from shared.restyle.tabs.photos import OutfitPhoto, Photos, usual_regions
from shared.restyle.tabs.results import ResultView, size_text
from shared.restyle.tabs.runners import Runners
from shared.ui.batch import PROGRESS
from shared.ui.components.area_editor import change_area, show_area
from shared.ui.components.region_picker import is_stale, parse_regions, show_regions
from shared.ui.components.results import display_image, thumbnail_row
from shared.ui.errors import user_facing
from shared.ui.long_runs import connect_run, observe_run
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # these bring torch
    from shared.restyle.editor import Restyling
    from shared.restyle.generation.settings import GenerationSettings

HINT = "Choose a photo of a person, and press what should change. The result appears here."
CONSENT = (
    "Please use photos of people who agreed to it, and say that a photo is edited when you show it around."
)
NOBODY = "We see nobody in this photo, so its main subject changes. Correct that with the brush, if you like."
NOTHING = "We see no clothes in this photo. Open “Correct what changes” and paint over what should change."
SOURCE_FIRST = "Now choose the second photo on the left, with the garment to take it from."
SOURCE_EMPTY = "We see no garment in the second photo: please choose another one."
NO_PHOTO = "There is no photo yet: please choose one first."
HISTORY = "Your last results. Press one to enlarge it."
HISTORY_SIDE = 900  # of the copies of results, in pixels


class ClothesTab:
    """Components of the tab; they are created in open blocks.

    Args:
        photos: Photos with what people wear.
    """

    def __init__(self, photos: Photos) -> None:
        self._photos = photos
        with gr.Column():
            self.panel = ClothesPanel()
        with gr.Column():
            self.view = ResultView(HINT, "PNG", "JPEG")
            self._go_on = gr.Button("Go on with this result", interactive=False)
            with gr.Column(elem_classes="is-history"):
                self._gallery = thumbnail_row(HISTORY, 4)
            gr.Markdown(CONSENT, elem_classes="is-note")
        with gr.Column():
            self.panel.create_settings()
        self._shown, self._history, self._result_path = gr.State(Shown()), gr.State([]), gr.State()
        self._go_on.click(
            lambda path: path, self._result_path, self.panel.photo, queue=False, api_visibility="private"
        )

    @property
    def inputs(self) -> list[Component]:
        """Components whose values `change` takes."""
        panel = self.panel
        head = [panel.photo, panel.picker, panel.editor, self._shown, self._history]
        return [*head, *panel.settings]

    @property
    def outputs(self) -> list[Component]:
        """Components whose values `change` returns."""
        panel = self.panel
        return [panel.picker, panel.source_picker, panel.editor, self._shown, *self.result_outputs]

    @property
    def result_outputs(self) -> list[Component]:
        """Components of a result, among those of `outputs`."""
        return [*self.view.outputs, self._go_on, self._result_path, self._gallery, self._history]

    @property
    def paint_inputs(self) -> list[Component]:
        """Components whose values a garment in words takes."""
        panel = self.panel
        head = [panel.photo, panel.editor, self._shown, self._history]
        return [*head, panel.generation.words, *panel.generation.settings]

    def change(
        self,
        path: str | None,
        regions: str | None,
        edits: str | None,
        shown: Shown,
        history: Sequence[Entry],
        *settings: object,
    ) -> list[object]:
        """Return the values of the outputs for those of the inputs."""
        values = self.panel.parse(*settings)
        if not path:
            cleared = [show_regions(None), gr.skip(), show_area(), Shown(source=shown.source)]
            return [*cleared, *self._without_result(), []]
        photo = self._photos.outfit(path, values.parser)
        is_new = (path, values.parser) != (shown.path, shown.parser)
        names = usual_regions(photo) if is_new else parse_regions(regions)
        if is_stale(names, photo.region_names()):
            return [gr.skip() for _ in self.outputs]
        picker = show_regions(photo.url, photo.regions(), names) if is_new else gr.skip()
        source, values = self._second_photo(values, names, shown)
        now = Shown(path, tuple(names), values.source, values.parser)
        is_same_area = now._replace(source=None) == shown._replace(source=None)
        area = self._photos.mask(path, *names, parser=values.parser)
        editor = gr.skip() if is_same_area else show_area(photo.url, area)
        mask = change_area(area, edits if is_same_area else None)
        history = history if path == shown.path else []
        updates = [picker, source, editor, now]
        missing = missing_input(mask, values)
        if missing:
            return [*updates, *self._without_result(missing), history]
        try:
            result = change_clothes(photo.image, mask, values, self._photos)
        except (ImageError, InputError) as error:  # the pickers must appear all the same
            return [*updates, *self._without_result(str(error)), history]
        return [*updates, *self._with_result(photo, now, values.method, result, values.title(), history)]

    def paint(
        self,
        run: Runners,
        path: str | None,
        edits: str | None,
        shown: Shown,
        history: Sequence[Entry],
        words: str | None,
        settings: GenerationSettings,
        **observers: Any,
    ) -> list[object]:
        """Return the values of `result_outputs` for a garment in words.

        Args:
            run: Functions that run the engines.
            path: Path of the photo.
            edits: Corrections of the area that changes.
            shown: Photo and regions that the components show.
            history: Earlier results.
            words: Description of the garment.
            settings: Settings of the run.
            **observers: See `shared.ui.long_runs.observe_run`.

        Raises:
            ImageError: Nothing is marked, or the photo cannot be used.
            InputError: There is no photo, or there are no words.
            GenerationError: There is no result.
            WeightsError: The engine cannot be loaded.
        """
        if not path or path != shown.path:
            raise InputError(NO_PHOTO)
        photo = self._photos.outfit(path, shown.parser)
        mask = change_area(self._photos.mask(path, *shown.regions, parser=shown.parser), edits)
        if mask.getextrema()[1] == 0:
            raise InputError(NOTHING)
        words = words or ""
        result = run.repaint(photo.image, ENGINE, mask, words, settings, **observers)
        return self._with_result(photo, shown, WORDS, result, words.strip(), history)

    def _with_result(
        self,
        photo: OutfitPhoto,
        shown: Shown,
        method: str,
        result: Restyling,
        title: str,
        history: Sequence[Entry],
    ) -> list[object]:
        """Return the values of `result_outputs` for a result."""
        stem = f"{safe_stem(shown.path or '')}-{method}"
        files = {f"{stem}.png": result.image, f"{stem}.jpg": result.image}
        note = f"{size_text(photo.image)}, {result.seconds:.2f} s"
        values = self.view.values(photo.preview, result.image, files, note, caution(photo, shown.regions))
        entry = Entry(display_image(shrink(result.image, HISTORY_SIDE)), title, shown)
        history = add_entry(history, entry)
        return [
            *(*values, gr.Button(interactive=True), self.view.path(values)),
            *(thumbnails(history), history),
        ]

    def _second_photo(
        self, values: ChangeValues, names: Sequence[str], shown: Shown
    ) -> tuple[object, ChangeValues]:
        """Return the update of the second picker, and the values with the regions that count."""
        if values.method not in (FABRIC, PALETTE) or not values.source:
            update = gr.skip() if values.source else show_regions(None)
            return update, replace(values, source_regions=())
        source = self._photos.outfit(values.source, values.parser)
        is_same = (values.source, values.parser) == (shown.source, shown.parser)
        if is_same and not is_stale(values.source_regions, source.region_names()):
            return gr.skip(), values
        chosen = usual_regions(source, names)
        update = show_regions(source.url, source.regions(), chosen)
        return update, replace(values, source_regions=chosen)

    def _without_result(self, text: str = "") -> list[object]:
        return [*self.view.empty(text), gr.Button(interactive=False), None, None]


def clothes_tab(space: str, photos: Photos, run: Runners) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
        run: Functions that run the engines.
    """
    with gr.Tab("Change clothes", elem_id="clothes") as tab, gr.Row(elem_classes="is-bench"):
        parts = ClothesTab(photos)

    @user_facing(space)
    def change_garment(*values: Any) -> list[object]:
        return parts.change(*values)

    @user_facing(space)
    def paint_garment(
        path: str | None,
        edits: str | None,
        shown: Shown,
        history: list[Entry],
        words: str | None,
        seed: float | None,
        steps: float | None,
        request: gr.Request,
        progress: gr.Progress = PROGRESS,
    ) -> list[object]:
        settings = parse_settings(seed, steps)
        try:
            with observe_run(request, progress, "Painting the garment") as observers:
                return parts.paint(run, path, edits, shown, history, words, settings, **observers)
        except StoppedError as error:
            return [*parts.view.empty(str(error)), *(gr.skip() for _ in range(4))]

    generation = parts.panel.generation
    connect_run(
        paint_garment,
        parts.paint_inputs,
        parts.result_outputs,
        start=generation.start,
        stop=generation.stop,
        triggers=[generation.words.submit],
        progress_on=parts.view.slider,
    )
    triggers, slider = parts.panel.triggers, parts.view.slider
    return LazyTab(tab, change_garment, parts.inputs, parts.outputs, triggers, progress_on=slider)


def missing_input(mask: Image.Image, values: ChangeValues) -> str:
    """Return a sentence about what is missing for a result, or an empty one."""
    if mask.getextrema()[1] == 0:
        return NOTHING
    if values.method in (FABRIC, PALETTE) and not values.source_regions:
        return SOURCE_EMPTY if values.source else SOURCE_FIRST
    return READY if values.method == WORDS else ""


def caution(photo: OutfitPhoto, names: Sequence[str]) -> str:
    """Return a sentence about a photo without people, else an empty one."""
    return NOBODY if not photo.outfits and names else ""
