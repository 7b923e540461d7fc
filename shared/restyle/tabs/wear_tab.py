"""Tab "Wear theirs": a person in one photo in the garments of a person in another."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.images import ImageError, shrink
from shared.restyle.tabs.clothes_tab import CONSENT
from shared.restyle.tabs.dressing import COMPARISON_SIDE, PARTNERS, Dressed, Swap, dress, methods
from shared.restyle.tabs.photos import OutfitPhoto, Photos
from shared.restyle.tabs.results import ResultView, size_text
from shared.restyle.tabs.runners import Runners
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.region_picker import SIDE, Region, parse_regions, region_picker, show_regions
from shared.ui.components.results import display_image
from shared.ui.errors import user_facing
from shared.ui.sample_images import gallery_images
from shared.ui.tabs import LazyTab

HINT = "Choose two photos: who gets the clothes, and who wears them now. The result appears here."
PICK = "Turn on what should change."
PICK_PERSON = "Press the person whose clothes to take."
NOBODY = "We see nobody in the {}, so there are no clothes to swap: please choose one that shows a person."
STRENGTH = "0 leaves the photo as it is"
MISSING = "Now choose the {}."
WHO, OUTFIT = "photo “Who”", "photo “Wears what”"


class Shown(NamedTuple):
    """Photos that the components show, by which older choices are told from new ones.

    Attributes:
        person: Path of the photo of the person.
        source: Path of the photo of the outfit.
    """

    person: str | None = None
    source: str | None = None


class WearTab:
    """Components of the tab; they are created in open blocks.

    Args:
        photos: Photos with what people wear.
        run: Functions that run the engines.
    """

    def __init__(self, photos: Photos, run: Runners) -> None:
        self._photos, self._run = photos, run
        self._methods = methods()
        choices = [(title, name) for name, title in self._methods.items()]
        with gr.Column():
            with gr.Row(elem_classes="is-pair"):
                self._person = _photo_with_example("Who", "photographer")
                self._source = _photo_with_example("Wears what", "astronaut")
            self._picker = region_picker("Garments that change", PICK)
            self._source_picker = region_picker("People in the second photo", PICK_PERSON)
        with gr.Column():
            self.view = ResultView(HINT, "PNG", "JPEG")
            self._gallery = _row("All ways side by side")
            with gr.Accordion("How it got there", open=False):
                self._stages = _row("From the photos to the result")
            gr.Markdown(CONSENT, elem_classes="is-note")
        with gr.Column():
            self._method = gr.Radio(choices, value=choices[0][1], label="How")
            self._strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", info=STRENGTH)
        self._shown = gr.State(Shown())

    @property
    def inputs(self) -> list[Component]:
        """Components whose values `change` takes."""
        pickers = [self._picker, self._source_picker]
        return [self._person, self._source, *pickers, self._shown, self._method, self._strength]

    @property
    def outputs(self) -> list[Component]:
        """Components whose values `change` returns."""
        pickers = [self._picker, self._source_picker, self._shown]
        return [*pickers, *self.view.outputs, self._gallery, self._stages]

    @property
    def triggers(self) -> list[Any]:
        """Events after which the result differs."""
        changed = (self._person, self._source, self._picker, self._source_picker, self._method)
        return [*(item.change for item in changed), self._strength.release]

    def change(
        self,
        path: str | None,
        source_path: str | None,
        regions: str | None,
        source_regions: str | None,
        shown: Shown,
        method: str,
        strength: float,
    ) -> list[object]:
        """Return the values of the outputs for those of the inputs."""
        person = self._photos.outfit(path) if path else None
        source = self._photos.outfit(source_path) if source_path else None
        names, picker = parse_regions(regions), gr.skip()
        if path != shown.person:
            names = usual_garments(person)
            picker = show_regions(person.url, garments(person), names) if person else show_regions(None)
        source_names, source_picker = parse_regions(source_regions), gr.skip()
        if source_path != shown.source:
            source_names = ["1"]
            people = everybody(source)
            source_picker = show_regions(source.url if source else None, people, source_names)
        updates = [picker, source_picker, Shown(path, source_path)]
        missing = missing_photo(person, source)
        if missing or person is None or source is None or path is None:
            return [*updates, *self.view.empty(missing), None, None]
        number, source_number = int(names[0].partition(":")[0]), int((source_names or ["1"])[0])
        chosen = [name.partition(":")[2] for name in names]
        swap = Swap(person, number, source, source_number, chosen)
        try:
            result = dress(self._run, swap, method, strength)
        except (ImageError, InputError) as error:  # the pickers must appear all the same
            return [*updates, *self.view.empty(str(error)), None, None]
        stem = f"{safe_stem(path)}-dressed"
        files = {f"{stem}.png": result.image, f"{stem}.jpg": result.image}
        note = f"{size_text(person.image)}, {result.seconds:.2f} s"
        values = self.view.values(person.preview, result.image, files, note, " ".join(result.notes))
        return [*updates, *values, self._side_by_side(swap, method, result, strength), _stages(result)]

    def _side_by_side(
        self, swap: Swap, method: str, result: Dressed, strength: float
    ) -> list[tuple[str, str]]:
        """Return the result, and those of the other ways at moderate size."""
        images = {self._methods[method]: shrink(result.image, COMPARISON_SIDE)}
        smaller = swap.shrunk()
        for name, title in self._methods.items():
            if name != method:
                images[title] = dress(self._run, smaller, name, strength).image
        return _captioned(images.items())


def wear_tab(space: str, photos: Photos, run: Runners) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
        run: Functions that run the engines.
    """
    with gr.Tab("Wear theirs", elem_id="wear") as tab, gr.Row(elem_classes="is-bench"):
        parts = WearTab(photos, run)

    @user_facing(space)
    def swap_clothes(*values: Any) -> list[object]:
        return parts.change(*values)

    return LazyTab(
        tab, swap_clothes, parts.inputs, parts.outputs, parts.triggers, progress_on=parts.view.slider
    )


def garments(photo: OutfitPhoto) -> list[Region]:
    """Return the garments that can be swapped."""
    return [row for row in photo.regions() if row.name.partition(":")[2] in PARTNERS]


def usual_garments(photo: OutfitPhoto | None) -> list[str]:
    """Return the names of the garments to begin with: clothes of the largest person, without shoes."""
    if photo is None:
        return []
    kinds = ("top", "outerwear", "dress", "bottom")
    names = [row.name for row in garments(photo) if row.name.startswith("1:")]
    return [name for name in names if name[2:] in kinds] or names[:1]


def everybody(photo: OutfitPhoto | None) -> list[Region]:
    """Return the people of a photo with several, to choose one; none for a photo with one person."""
    if photo is None or len(photo.outfits) < 2:
        return []
    return [
        Region(str(number), f"Person {number}", shrink(outfit.mask(), SIDE))
        for number, outfit in enumerate(photo.outfits, start=1)
    ]


def missing_photo(person: OutfitPhoto | None, source: OutfitPhoto | None) -> str:
    """Return a sentence about what is missing for a swap, or an empty one."""
    if person is None and source is None:
        return ""
    for photo, title in ((person, WHO), (source, OUTFIT)):
        if photo is None:
            return MISSING.format(title)
        if not photo.outfits:
            return NOBODY.format(title)
    return ""


def _photo_with_example(title: str, name: str) -> gr.Image:
    with gr.Column(min_width=140):
        photo = image_input(title, height=240)
        image_examples(photo, images=[gallery_images()[name]])
    return photo


def _row(label: str) -> gr.Gallery:
    return gr.Gallery(
        label=label,
        buttons=["download", "fullscreen"],
        columns=3,
        height="auto",
        object_fit="contain",
        elem_classes="is-variants",
    )


def _stages(result: Dressed) -> list[tuple[str, str]] | None:
    return _captioned((stage.title, stage.image) for stage in result.stages) or None


def _captioned(images: Any) -> list[tuple[str, str]]:
    return [(display_image(image), title) for title, image in images]
