"""Tab "Similar outfits": pictures of a visitor's gallery whose people wear garments like those of a photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.weights import WeightsError
from shared.restyle.parsing.classes import GARMENTS
from shared.restyle.similar.kinds import OUTFIT, TITLES
from shared.restyle.tabs.photos import OutfitPhoto, Photos, coarse_mask
from shared.restyle.tabs.similar.results import show_preview, show_results
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.region_picker import Region, is_stale, parse_regions, region_picker, show_regions
from shared.ui.components.results import result_file
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.gallery.entries import find_entry
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.sample_images import gallery_images
from shared.ui.search.image_grid import grid_message, image_grid
from shared.ui.search.matches import EMPTY_GALLERY, is_gallery_image
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # which brings torch
    from shared.restyle.similar.search import OutfitSearch

PICK = "Press the garment to search for, or turn on several with their buttons."
WAIT = (
    "One moment: we first look at what people wear in the pictures of your gallery. "
    "That takes longest at the first visit."
)
NOBODY = "We see nobody in this photo, so there are no clothes to search for: please choose another one."
#: Kind of the first search, by preference: clothes that say most about an outfit.
PREFERRED = ("dress", "outerwear", "top", "bottom")
PEOPLE = ("astronaut", "photographer")  # names of sample photos


class SimilarTab:
    """Components of the tab; they are created in open blocks.

    Args:
        photos: Photos with what people wear.
        visitor: Session of the page's visitor.
        search: Returns the search, loaded at the first call.
    """

    def __init__(self, photos: Photos, visitor: VisitorSession, search: Callable[[], OutfitSearch]) -> None:
        self._photos, self._visitor, self._search = photos, visitor, search
        with gr.Column(scale=2):
            self.photo = image_input(height=260, elem_classes="is-picked")
            image_examples(self.photo, images=(gallery_images()[name] for name in PEOPLE))
            self._picker = region_picker("Garments", PICK)
            self._top_k = gr.Slider(1, 100, 24, step=1, label="Matches", info="How many to show at most")
        with gr.Column(scale=3):
            self.summary = gr.Markdown(WAIT, elem_classes="is-note")
            self.grid = image_grid(grid_message(""))  # the frame gives the progress a place
        self.image_id = gr.State(None)  # id of the photo if it comes from the gallery
        self._shown = gr.State(None)  # path of the photo whose garments the picker shows

    @property
    def inputs(self) -> list[Component]:
        """Components whose values `find` takes."""
        session, version = self._visitor.session, self._visitor.version
        return [self.photo, self._picker, self._top_k, self._shown, self.image_id, session, version]

    @property
    def outputs(self) -> list[Component]:
        """Components whose values `find` returns."""
        return [self._picker, self._shown, self.summary, self.grid]

    @property
    def triggers(self) -> list[Any]:
        """Events after which the result differs."""
        return [self.photo.change, self._picker.change, self._top_k.release, self._visitor.version.change]

    def find(
        self,
        path: str | None,
        regions: str | None,
        top_k: int,
        shown: str | None,
        image_id: int | None,
        session: str,
        version: int,
    ) -> list[object]:
        """Return the values of the outputs for those of the inputs."""
        from shared.restyle.similar.search import same_image_id  # deferred: torch is slow to import

        gallery = self._visitor.store.get(session)
        if not path:
            return [show_regions(None), None, *show_preview(gallery)]
        photo = self._photos.outfit(path)
        choices = garment_regions(photo)
        names, picker = parse_regions(regions), gr.skip()
        if path != shown:
            names = first_choice(choices)
            picker = show_regions(photo.url, choices, names)
        if not choices:
            return [picker, path, "", grid_message(NOBODY)]
        if is_stale(names, [region.name for region in choices]):
            return [gr.skip() for _ in self.outputs]
        if not len(gallery):
            return [picker, path, "", grid_message(EMPTY_GALLERY)]
        number = int(names[0].partition(":")[0])
        kinds = [name.partition(":")[2] for name in names]
        if not is_gallery_image(path, image_id, gallery):
            image_id = same_image_id(photo.image, gallery)
        person = photo.outfits[number - 1]
        try:
            results = self._search()(person, kinds, int(top_k), exclude_id=image_id, gallery=gallery)
        except (InputError, WeightsError) as error:  # the picker must appear all the same
            return [picker, path, "", grid_message(str(error))]
        return [picker, path, *show_results(results, gallery)]

    def pick(self, session: str, event: gr.EventData) -> list[object]:
        """Return the photo and the id of a picture of the gallery that was pressed."""
        entry = find_entry(self._visitor.store.get(session), event.index)
        return [result_file(entry.thumbnail, f"{safe_stem(entry.name)}.jpg"), entry.id]


def similar_tab(
    space: str, photos: Photos, visitor: VisitorSession, search: Callable[[], OutfitSearch]
) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
        visitor: Session of the page's visitor.
        search: Returns the search, loaded at the first call.
    """
    with gr.Tab("Similar outfits", elem_id="similar") as tab, gr.Row():
        parts = SimilarTab(photos, visitor, search)

    @user_facing(space)
    def find_outfits(*values: Any) -> list[object]:
        return parts.find(*values)

    @user_facing(space)
    def pick_outfit(session: str, event: gr.EventData) -> list[object]:
        return parts.pick(session, event)

    on_event([parts.grid.select], pick_outfit, [visitor.session], [parts.photo, parts.image_id])
    return LazyTab(tab, find_outfits, parts.inputs, parts.outputs, parts.triggers, progress_on=parts.grid)


def garment_regions(photo: OutfitPhoto) -> list[Region]:
    """Return what each person wears, from large to small, and at last everything together."""
    regions, parts = [], [row for row in photo.regions() if _kind(row.name) in GARMENTS]
    for number, outfit in enumerate(photo.outfits, start=1):
        garments = [row for row in parts if row.person == number]
        if garments:
            mask = coarse_mask(outfit, *GARMENTS)
            regions += [*garments, Region(f"{number}:{OUTFIT}", TITLES[OUTFIT], mask, number)]
    return regions


def first_choice(regions: Sequence[Region]) -> list[str]:
    """Return the name of the region to begin with: clothes of the largest person before smaller things."""
    names = [region.name for region in regions]
    clothes = [name for name in names if _kind(name) in PREFERRED]
    return (clothes or names)[:1]


def _kind(name: str) -> str:
    return name.partition(":")[2]
