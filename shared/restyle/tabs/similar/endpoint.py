"""Endpoint of the search for similar outfits, for programs and agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.restyle.similar.kinds import KINDS, OUTFIT
from shared.restyle.tabs.garment_arguments import parse_garments
from shared.restyle.tabs.photos import OutfitPhoto, Photos, worn
from shared.restyle.tabs.similar.results import outlined_hits
from shared.restyle.tabs.similar.tab import NOBODY
from shared.ui.components.image_inputs import image_files
from shared.ui.components.results import display_image
from shared.ui.errors import user_facing
from shared.ui.events import endpoint
from shared.ui.gallery.gallery_store import VisitorSession

if TYPE_CHECKING:  # these bring torch
    from shared.restyle.parsing.outfit import Outfit
    from shared.restyle.similar.search import OutfitSearch
    from shared.restyle.tabs.endpoints import ApiInputs


def similar_endpoint(
    space: str, photos: Photos, visitor: VisitorSession, search: Callable[[], OutfitSearch], inputs: ApiInputs
) -> None:
    """Offer the search for similar outfits.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
        visitor: Session of the page's visitor.
        search: Returns the search, loaded at the first call.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def similar_outfits(
        image: str, garments: str, top_k: int, session: str, gallery: str, images: list | None = None
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Find the pictures whose people wear clothes most like those in a photo, by kind of garment.

        Args:
            image: The photo of a person: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            garments: What to compare, separated by commas: top, outerwear, dress, bottom, legwear, shoes,
                bag, accessory, or outfit for all together; empty for the largest garment.
            top_k: Largest number of matches, from 1 to 100.
            session: Key of the session, which the page fills in.
            gallery: Key of a gallery, from add_images; empty for your session's or the sample photos.
            images: Pictures to search in place of a gallery, at most 50, in this call only; ids count from 0.

        Returns:
            The matches, best first, with ids and scores, and the number of pictures that were left out since
            nobody wears this there; and their pictures, in which the garments are outlined.
        """
        person, kinds = wearer(photos.outfit(image), parse_garments(garments, KINDS))
        searched = visitor.store.get_or_ingest(images, session, gallery)
        results = search()(person, kinds, int(top_k), gallery=searched)
        pictures = [
            (display_image(image, safe_stem(entry.hit.name)), f"{entry.hit.rank}. {entry.hit.name}")
            for entry, image, _ in outlined_hits(results, searched)
        ]
        return results.as_dict(), pictures

    top_k = gr.Slider(1, 100, 20, step=1, label="Number of matches", visible=False)
    sources = [visitor.session, visitor.key, image_files("Pictures to search", visible=False)]
    outputs = {"Matches": gr.JSON, "Pictures": gr.Gallery}
    endpoint(similar_outfits, [inputs.image, inputs.garments, top_k, *sources], outputs)


def wearer(photo: OutfitPhoto, kinds: Sequence[str]) -> tuple[Outfit, list[str]]:
    """Return the largest person who wears some kinds, and the kinds.

    Args:
        photo: The photo.
        kinds: Kinds to look for; none for the largest garment.

    Raises:
        InputError: Nobody is in the photo, or nobody wears them.
    """
    for outfit in photo.outfits:
        garments = [name for name in worn(outfit) if name in KINDS]
        chosen = list(kinds) or garments[:1]
        if chosen and set(chosen) <= {*garments, OUTFIT}:
            return outfit, chosen
    if not photo.outfits:
        raise InputError(NOBODY)
    wanted = " and ".join(kinds) or "any garment"
    raise InputError(f"We see nobody in this photo who wears {wanted}: please choose another photo.")
