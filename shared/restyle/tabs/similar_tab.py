"""Tab "Similar outfits": pictures of a visitor's gallery whose people wear garments like those of a photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from gradio.components import Component
from PIL import Image

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.images import encode_image, open_image
from shared.core.weights import WeightsError
from shared.gallery.gallery import Gallery
from shared.restyle.parsing.classes import GARMENTS
from shared.restyle.similar.kinds import OUTFIT, TITLES
from shared.restyle.tabs.photos import OutfitPhoto, Photos, coarse_mask
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.region_picker import Region, parse_regions, region_picker, show_regions
from shared.ui.components.results import result_file
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.gallery.gallery_store import VisitorSession, find_entry
from shared.ui.sample_images import gallery_images
from shared.ui.search.image_grid import GridImage, grid_message, image_grid, image_grid_html
from shared.ui.search.matches import EMPTY_GALLERY, PREVIEW_SIZE, is_gallery_image
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # these bring torch
    from shared.restyle.similar.results import SimilarOutfit, SimilarOutfits
    from shared.restyle.similar.search import OutfitSearch

HINT = (
    "Choose a photo of a person, or press one of these pictures of your gallery. The pictures whose people "
    "wear the most similar clothes appear here."
)
PICK = "Press the garment to search for, or turn on several with their buttons."
NOBODY = "We see nobody in this photo, so there are no clothes to search for: please choose another one."
NO_PEOPLE = (
    "We see nobody in the pictures of your gallery. Add photos of people under “Gallery”, then search here."
)
ADD_PEOPLE = "Add photos of people under “Gallery” for a better choice."
SELECT_TOOLTIP = "More like this"
SCORES = "These scores only rank the pictures; they don't say how good a match is."
FEW = 5  # hits below which the page asks for further photos
#: Kind of the first search, by preference: clothes that say most about an outfit.
PREFERRED = ("dress", "outerwear", "top", "bottom")
PEOPLE = ("astronaut", "photographer")  # names of sample photos


class OutlinedHit(NamedTuple):
    """Hit with its picture.

    Attributes:
        entry: The hit.
        image: Thumbnail with the garments outlined.
        box: Part of it that shows the person: left, top, right and bottom in pixels.
    """

    entry: SimilarOutfit
    image: Image.Image
    box: tuple[int, int, int, int]


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
            self.summary = gr.Markdown(HINT, elem_classes="is-note")
            self.grid = image_grid()
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
        gallery = self._visitor.store.get(session)
        if not path:
            return [show_regions(None), None, *_preview(gallery)]
        photo = self._photos.outfit(path)
        choices = garment_regions(photo)
        names, picker = parse_regions(regions), gr.skip()
        if path != shown:
            names = first_choice(choices)
            picker = show_regions(photo.url, choices, names)
        if not names:
            return [picker, path, "", grid_message(NOBODY)]
        if not len(gallery):
            return [picker, path, "", grid_message(EMPTY_GALLERY)]
        number = int(names[0].partition(":")[0])
        kinds = [name.partition(":")[2] for name in names]
        exclude_id = image_id if is_gallery_image(path, image_id, gallery) else None
        person = photo.outfits[number - 1]
        try:
            results = self._search()(person, kinds, int(top_k), exclude_id=exclude_id, gallery=gallery)
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


def show_results(results: SimilarOutfits, gallery: Gallery) -> list[str]:
    """Return the summary and the grid of results."""
    text = summarize(results)
    if not results.hits:
        return ["", grid_message(text)]
    images = [
        GridImage(
            entry.hit.id,
            entry.hit.name,
            encode_image(image.crop(box), "JPEG"),
            value=f"{entry.hit.score:.2f}",
            bar=entry.hit.score,
        )
        for entry, image, box in outlined_hits(results, gallery)
    ]
    return [text, image_grid_html(images, press=SELECT_TOOLTIP, tall=True)]


def outlined_hits(results: SimilarOutfits, gallery: Gallery) -> list[OutlinedHit]:
    """Return each hit with its picture, in which the garments are outlined, and the box of the person."""
    from shared.restyle.similar.features import GarmentFeatures  # deferred: torch is slow to import
    from shared.restyle.similar.outline import draw_outline, person_box

    snapshot = gallery.snapshot()
    pictures = []
    for entry in results.hits:
        if entry.hit.id not in snapshot.entries:  # an image may just have been removed
            continue
        features = GarmentFeatures.from_snapshot(snapshot, entry.hit.id)
        image = open_image(snapshot.entries[entry.hit.id].thumbnail)
        outlined = draw_outline(image, features.mask(entry.person, results.kinds))
        box = person_box(image.size, features.person(entry.person))
        pictures.append(OutlinedHit(entry, outlined, box))
    return pictures


def summarize(results: SimilarOutfits) -> str:
    """Return Markdown that says how many pictures were compared, and how many were left out."""
    left_out = ""
    if results.left_out:
        pictures = "picture is" if results.left_out == 1 else "pictures are"
        left_out = f"{results.left_out:,} {pictures} left out, because we see nobody there who wears this."
    if not results.wearing:
        parts = ["**No other picture in your gallery shows this.**", left_out, ADD_PEOPLE]
        return " ".join(part for part in parts if part).replace("**", "")
    noun = "picture shows" if results.wearing == 1 else "pictures show"
    shown = "" if results.wearing == len(results.hits) else f" The best {len(results.hits)} are here."
    parts = [f"**{results.wearing:,} {noun} this**, the most similar first.{shown}", left_out, SCORES]
    if results.wearing < FEW:
        parts.append(ADD_PEOPLE)
    return " ".join(part for part in parts if part)


def _preview(gallery: Gallery) -> list[str]:
    """Return the summary and the grid before there is a photo: pictures of the gallery with people."""
    from shared.restyle.similar.features import CODES  # deferred: torch is slow to import

    if not len(gallery):
        return ["", grid_message(EMPTY_GALLERY)]
    snapshot = gallery.snapshot()
    with_people = [entry for id, entry in snapshot.entries.items() if snapshot.feature(CODES, id).any()]
    if not with_people:
        return [HINT, grid_message(NO_PEOPLE)]
    images = [GridImage(entry.id, entry.name, entry.thumbnail) for entry in with_people[:PREVIEW_SIZE]]
    return [HINT, image_grid_html(images, press=SELECT_TOOLTIP, tall=True)]


def _kind(name: str) -> str:
    return name.partition(":")[2]
