"""Tab "Wear theirs": a person in one photo in the garments of a person in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from gradio.components import Component

from shared.core.errors import InputError, StoppedError
from shared.core.file_names import safe_stem
from shared.core.images import ImageError, shrink
from shared.restyle.engines import GENERATORS
from shared.restyle.tabs.clothes_tab import CONSENT
from shared.restyle.tabs.dressing import (
    COMPARISON_SIDE,
    Dressed,
    Swap,
    dress,
    everybody,
    garment_names,
    garments,
    methods,
    paint,
    usual_garments,
)
from shared.restyle.tabs.generation_panel import READY, GenerationPanel, parse_settings
from shared.restyle.tabs.photos import OutfitPhoto, Photos
from shared.restyle.tabs.results import ResultView, size_text
from shared.restyle.tabs.runners import Runners
from shared.ui.batch import PROGRESS
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.region_picker import is_stale, parse_regions, region_picker, show_regions
from shared.ui.components.results import display_image
from shared.ui.errors import user_facing
from shared.ui.long_runs import connect_run, observe_run
from shared.ui.sample_images import gallery_images
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:
    from shared.restyle.generation.settings import GenerationSettings

HINT = "Choose two photos: who gets the clothes, and who wears them now. The result appears here."
PICK = "Turn on what should change."
PICK_PERSON = "Press the person whose clothes to take."
NOBODY = "We see nobody in the {}, so there are no clothes to swap: please choose one that shows a person."
STRENGTH = "0 leaves the photo as it is"
MISSING = "Now choose the {}."
NO_PHOTO = "There is no {} yet: please choose one first."
WHOLE = "It takes the whole outfit, whatever is turned on here."
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
        titles = self._methods | {name: engine.title for name, engine in GENERATORS.items()}
        choices = [(title, name) for name, title in titles.items()]
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
            self.generation = GenerationPanel(with_words=False)
        self._method.change(
            lambda method: [gr.update(visible=(method in GENERATORS) is large) for large in (False, True)],
            self._method,
            [self._strength, self.generation.group],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
        self._shown = gr.State(Shown())

    @property
    def inputs(self) -> list[Component]:
        """Components whose values `change` takes."""
        pickers = [self._picker, self._source_picker]
        return [self._person, self._source, *pickers, self._shown, self._method, self._strength]

    @property
    def paint_inputs(self) -> list[Component]:
        """Components whose values `paint` takes, and those of the settings."""
        pickers = [self._picker, self._source_picker]
        return [self._person, self._source, *pickers, self._method, *self.generation.settings]

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
        missing = missing_photo(person, source, clothes_alone=method in GENERATORS)
        if missing or person is None or source is None or path is None:
            return [*updates, *self.view.empty(missing), None, None]
        if method in GENERATORS:
            return [*updates, *self.view.empty(f"{READY} {WHOLE}"), None, None]
        numbers = [str(number) for number in range(1, len(source.outfits) + 1)]
        if is_stale(names, garment_names(person)) or is_stale(source_names, numbers):
            return [gr.skip() for _ in self.outputs]
        number, source_number = _numbers(names, source_names)
        chosen = [name.partition(":")[2] for name in names]
        swap = Swap(person, number, source, source_number, chosen)
        try:
            result = dress(self._run, swap, method, strength)
        except (ImageError, InputError) as error:  # the pickers must appear all the same
            return [*updates, *self.view.empty(str(error)), None, None]
        values = self._with_result(path, person, result)
        return [*updates, *values, self._side_by_side(swap, method, result, strength), _stages(result)]

    def paint(
        self,
        path: str | None,
        source_path: str | None,
        regions: str | None,
        source_regions: str | None,
        engine: str,
        settings: GenerationSettings,
        **observers: Any,
    ) -> list[object]:
        """Return the values of the view's outputs for the person, painted in the outfit.

        Args:
            path: Path of the photo of the person.
            source_path: Path of the photo of the outfit.
            regions: Value of the first picker.
            source_regions: Value of the second picker.
            engine: Name of a row of `GENERATORS`.
            settings: Settings of the run.
            **observers: See `shared.ui.long_runs.observe_run`.

        Raises:
            ImageError: A photo cannot be used.
            InputError: A photo is missing.
            GenerationError: There is no result.
            WeightsError: The engine cannot be loaded.
        """
        for photo, title in ((path, WHO), (source_path, OUTFIT)):
            if not photo:
                raise InputError(NO_PHOTO.format(title))
        person, source = self._photos.outfit(path or ""), self._photos.outfit(source_path or "")
        number, source_number = _numbers(parse_regions(regions), parse_regions(source_regions))
        result = paint(self._run, person, number, source, source_number, engine, settings, **observers)
        return self._with_result(path or "", person, result)

    def _with_result(self, path: str, person: OutfitPhoto, result: Dressed) -> list[object]:
        """Return the values of the view's outputs for a result."""
        stem = f"{safe_stem(path)}-dressed"
        files = {f"{stem}.png": result.image, f"{stem}.jpg": result.image}
        note = f"{size_text(person.image)}, {result.seconds:.2f} s"
        return self.view.values(person.preview, result.image, files, note, " ".join(result.notes))

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

    @user_facing(space)
    def paint_outfit(
        path: str | None,
        source_path: str | None,
        regions: str | None,
        source_regions: str | None,
        engine: str,
        seed: float | None,
        steps: float | None,
        request: gr.Request,
        progress: gr.Progress = PROGRESS,
    ) -> list[object]:
        settings, photos = parse_settings(seed, steps), (path, source_path, regions, source_regions)
        try:
            with observe_run(request, progress, "Painting the outfit") as observers:
                return parts.paint(*photos, engine, settings, **observers)
        except StoppedError as error:
            return parts.view.empty(str(error))

    connect_run(
        paint_outfit,
        parts.paint_inputs,
        parts.view.outputs,
        start=parts.generation.start,
        stop=parts.generation.stop,
        progress_on=parts.view.slider,
    )
    return LazyTab(
        tab, swap_clothes, parts.inputs, parts.outputs, parts.triggers, progress_on=parts.view.slider
    )


def missing_photo(
    person: OutfitPhoto | None, source: OutfitPhoto | None, *, clothes_alone: bool = False
) -> str:
    """Return a sentence about what is missing for a swap, or an empty one.

    Args:
        person: Photo of the person.
        source: Photo of the outfit.
        clothes_alone: True if a photo need not show anybody that we find.
    """
    if person is None and source is None:
        return ""
    for photo, title in ((person, WHO), (source, OUTFIT)):
        if photo is None:
            return MISSING.format(title)
        if not photo.outfits and not clothes_alone:
            return NOBODY.format(title)
    return ""


def _numbers(names: Sequence[str], source_names: Sequence[str]) -> tuple[int, int]:
    """Return the numbers of the chosen people of both photos, from 1."""
    return int((names or ["1"])[0].partition(":")[0]), int((source_names or ["1"])[0])


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
