"""Tab "Change clothes": garments of a photo in a new color, a pattern, or the fabric of another photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component
from PIL import Image

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.images import ImageError, shrink
from shared.restyle.tabs.changes import FABRIC, PALETTE, ChangeValues, change_clothes
from shared.restyle.tabs.clothes_panel import ClothesPanel
from shared.restyle.tabs.photos import OutfitPhoto, Photos, worn
from shared.restyle.tabs.results import ResultView, size_text
from shared.ui.components.area_editor import change_area, show_area
from shared.ui.components.region_picker import parse_regions, show_regions
from shared.ui.components.results import display_image, thumbnail_row
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

HINT = "Choose a photo of a person, and press what should change. The result appears here."
CONSENT = (
    "Please use photos of people who agreed to it, and say that a photo is edited when you show it around."
)
NOBODY = "We see nobody in this photo, so its main subject changes. Correct that with the brush, if you like."
NOTHING = "We see no clothes in this photo. Open “Correct what changes” and paint over what should change."
SOURCE_FIRST = "Now choose the second photo on the left, with the garment to take it from."
SOURCE_EMPTY = "We see no garment in the second photo: please choose another one."
HISTORY = "Your last results. Press one to enlarge it."
MIN_RELATIVE = 0.3  # of the largest garment, of one of the same kind in the second photo
MAX_HISTORY, HISTORY_SIDE = 8, 900


class Shown(NamedTuple):
    """Photos and regions that the components show, by which older choices are told from new ones.

    Attributes:
        path: Path of the photo.
        regions: Names of its chosen regions.
        source: Path of the second photo.
    """

    path: str | None = None
    regions: tuple[str, ...] = ()
    source: str | None = None


class Entry(NamedTuple):
    """Earlier result.

    Attributes:
        path: Path of a smaller copy.
        title: A few words about the change.
        shown: Photo and regions that it changed.
    """

    path: str
    title: str
    shown: Shown


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
        inputs = [panel.picker, panel.source_picker, panel.editor, self._shown]
        return [*inputs, *self.view.outputs, self._go_on, self._result_path, self._gallery, self._history]

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
        photo = self._photos.outfit(path)
        is_new = path != shown.path
        names = usual_regions(photo) if is_new else parse_regions(regions)
        picker = show_regions(photo.url, photo.regions(), names) if is_new else gr.skip()
        source, values = self._second_photo(values, names, shown)
        now = Shown(path, tuple(names), values.source)
        is_same_area = (now.path, now.regions) == (shown.path, shown.regions)
        area = self._photos.mask(path, *names)
        editor = gr.skip() if is_same_area else show_area(photo.url, area)
        mask = change_area(area, edits if is_same_area else None)
        history = [] if is_new else history
        updates = [picker, source, editor, now]
        missing = missing_input(mask, values)
        if missing:
            return [*updates, *self._without_result(missing), history]
        try:
            result = change_clothes(photo.image, mask, values, self._photos)
        except (ImageError, InputError) as error:  # the pickers must appear all the same
            return [*updates, *self._without_result(str(error)), history]
        stem = f"{safe_stem(path)}-{values.method}"
        files = {f"{stem}.png": result.image, f"{stem}.jpg": result.image}
        note = f"{size_text(photo.image)}, {result.seconds:.2f} s"
        shown_values = self.view.values(photo.preview, result.image, files, note, caution(photo, names))
        entry = Entry(display_image(shrink(result.image, HISTORY_SIDE)), values.title(), now)
        history = add_entry(history, entry)
        tail = [gr.Button(interactive=True), self.view.path(shown_values), _pictures(history), history]
        return [*updates, *shown_values, *tail]

    def _second_photo(
        self, values: ChangeValues, names: Sequence[str], shown: Shown
    ) -> tuple[object, ChangeValues]:
        """Return the update of the second picker, and the values with the regions that count."""
        if values.method not in (FABRIC, PALETTE) or not values.source:
            update = gr.skip() if values.source else show_regions(None)
            return update, replace(values, source_regions=())
        if values.source == shown.source:
            return gr.skip(), values
        source = self._photos.outfit(values.source)
        chosen = usual_regions(source, names)
        update = show_regions(source.url, source.regions(), chosen)
        return update, replace(values, source_regions=chosen)

    def _without_result(self, text: str = "") -> list[object]:
        return [*self.view.empty(text), gr.Button(interactive=False), None, None]


def clothes_tab(space: str, photos: Photos) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
    """
    with gr.Tab("Change clothes", elem_id="clothes") as tab, gr.Row(elem_classes="is-bench"):
        parts = ClothesTab(photos)

    @user_facing(space)
    def change_garment(*values: Any) -> list[object]:
        return parts.change(*values)

    triggers, slider = parts.panel.triggers, parts.view.slider
    return LazyTab(tab, change_garment, parts.inputs, parts.outputs, triggers, progress_on=slider)


def usual_regions(photo: OutfitPhoto, names: Sequence[str] = ()) -> list[str]:
    """Return the names of the regions to begin with: the largest garment of the largest person.

    Args:
        photo: Photo.
        names: Regions of another photo; a garment of the same kind is preferred if it is not much smaller.
    """
    if not photo.outfits:
        return [region.name for region in photo.regions()]
    outfit = photo.outfits[0]
    largest, *smaller = worn(outfit)
    kinds = [name.partition(":")[2] for name in names]
    least = MIN_RELATIVE * outfit.coverage(largest)
    same = [kind for kind in (largest, *smaller) if kind in kinds and outfit.coverage(kind) >= least]
    return [f"1:{[*same, largest][0]}"]


def missing_input(mask: Image.Image, values: ChangeValues) -> str:
    """Return a sentence about what is missing for a result, or an empty one."""
    if mask.getextrema()[1] == 0:
        return NOTHING
    if values.method in (FABRIC, PALETTE) and not values.source_regions:
        return SOURCE_EMPTY if values.source else SOURCE_FIRST
    return ""


def caution(photo: OutfitPhoto, names: Sequence[str]) -> str:
    """Return a sentence about a photo without people, else an empty one."""
    return NOBODY if not photo.outfits and names else ""


def add_entry(history: Sequence[Entry], entry: Entry) -> list[Entry]:
    """Return the latest results, the newest first; one of the same change replaces the one before."""
    older = [item for item in history[:1] if item[1:] != entry[1:]] + list(history[1:])
    return [entry, *older][:MAX_HISTORY]


def _pictures(history: Sequence[Entry]) -> list[tuple[str, str]]:
    return [(entry.path, entry.title) for entry in history]
