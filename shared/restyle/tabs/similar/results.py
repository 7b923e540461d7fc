"""Results of the search for similar outfits on the page and for programs: pictures and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from shared.core.images import encode_image, open_image
from shared.gallery.gallery import Gallery
from shared.ui.search.image_grid import GridImage, grid_message, image_grid_html
from shared.ui.search.matches import EMPTY_GALLERY, PREVIEW_SIZE

if TYPE_CHECKING:
    from shared.restyle.similar.results import SimilarOutfit, SimilarOutfits

HINT = (
    "Choose a photo of a person, or press one of these pictures of your gallery. The pictures whose people "
    "wear the most similar clothes appear here."
)
NO_PEOPLE = (
    "We see nobody in the pictures of your gallery. Add photos of people under “Gallery”, then search here."
)
ADD_PEOPLE = "Add photos of people under “Gallery” for a better choice."
SELECT_TOOLTIP = "More like this"
SCORES = "These scores only rank the pictures; they don't say how good a match is."
FEW = 5  # hits below which the page asks for further photos


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


def show_preview(gallery: Gallery) -> list[str]:
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
