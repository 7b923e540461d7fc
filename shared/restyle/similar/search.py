"""Similar outfits: the images of a gallery whose people wear the garments most similar to those of a person.

search = OutfitSearch.load()
search.add("street photos/")
results = search(outfit, ["top"])
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from shared.core.errors import InputError
from shared.core.images import shrink
from shared.gallery.gallery import Gallery
from shared.gallery.index import FINGERPRINT
from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback, decode_stream
from shared.gallery.results import SearchRequest, list_hits
from shared.gallery.search import GallerySearch
from shared.gallery.thumbnails import thumbnail
from shared.restyle.parsing.outfit import Outfit
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.similar.descriptor import WEIGHTS, GarmentDescriber
from shared.restyle.similar.features import GarmentFeatures
from shared.restyle.similar.index import GarmentIndex
from shared.restyle.similar.kinds import TITLES, check_kinds
from shared.restyle.similar.results import SimilarOutfit, SimilarOutfits

ENGINE = "outfit"
MAX_PEOPLE = 8  # of an image, from the largest on
DESCRIBED_SIDE = 1024  # pixels of the longer side at which an image is described


class OutfitSearch(GallerySearch):
    """Search of galleries by garments. Calls may come from many threads at once.

    Attributes:
        gallery: Gallery that is searched where a call names none.

    Args:
        parser: Finds what people wear.
        describer: Describes garments.
        gallery: See above; by default an empty one.
    """

    def __init__(
        self, parser: OutfitParser, describer: GarmentDescriber, gallery: Gallery | None = None
    ) -> None:
        self._parser, self._describer = parser, describer
        digest = hashlib.sha256(repr(WEIGHTS).encode())
        for network in (parser.network, describer.network):
            for name, tensor in network.state_dict().items():
                digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        self._fingerprint = np.array([int.from_bytes(digest.digest()[:8], "big") | 1], np.uint64)
        super().__init__(ENGINE, gallery)

    @classmethod
    def load(
        cls,
        *,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        gallery: Gallery | None = None,
    ) -> OutfitSearch:
        """Load the networks.

        Args:
            device: Device of the networks, by default the best available.
            allow_hub: True to download weights that are not on this machine.
            gallery: Gallery that is searched where a call names none; by default an empty one.

        Raises:
            WeightsError: Weights cannot be used.
        """
        parser = OutfitParser.load(device=device, allow_hub=allow_hub)
        return cls(parser, GarmentDescriber.load(device=device, allow_hub=allow_hub), gallery)

    @property
    def model_fingerprint(self) -> np.ndarray:
        """Fingerprint of both networks and of the weights of the parts."""
        return self._fingerprint

    def describe_stream(
        self, images: Iterable[tuple[str, ImageInput]], on_skip: SkipCallback
    ) -> Iterator[DescribedImage]:
        """Describe many images in bounded memory, see `GarmentFeatures.as_dict`."""
        decoded = decode_stream(
            images,
            lambda name, image: DescribedImage(name, image.size, shrink(image, DESCRIBED_SIDE), {}),
            on_skip=on_skip,
        )
        for item in decoded:
            outfit = self._parser(item.image)
            people = [outfit.only(number) for number in range(min(len(outfit.people()), MAX_PEOPLE))]
            features = GarmentFeatures.of([(person, self._describer(person)) for person in people])
            values = {**features.as_dict(), FINGERPRINT: self._fingerprint}
            yield DescribedImage(item.name, item.size, item.image, values)

    def new_index(self) -> GarmentIndex:
        """Return an empty index."""
        return GarmentIndex(self._fingerprint)

    def __call__(
        self,
        outfit: Outfit,
        kinds: Sequence[str],
        top_k: int = 20,
        *,
        exclude_id: int | None = None,
        gallery: Gallery | None = None,
    ) -> SimilarOutfits:
        """Find the images in which somebody wears the most similar garments.

        Args:
            outfit: What one person wears, see `Outfit.only`.
            kinds: Kinds to compare, see `shared.restyle.similar.kinds`; of several, somebody must wear all,
                and the score is the mean.
            top_k: Largest number of hits, 1..1000.
            exclude_id: Id of an image to leave out, such as the query itself.
            gallery: Gallery to search; by default that of this search.

        Raises:
            InputError: A kind is unknown, or the person does not wear it.
            ValueError: `top_k` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        started = time.perf_counter()
        check_kinds(kinds)
        request = SearchRequest(top_k, exclude_id=exclude_id, gallery=self._or_default(gallery))
        query = chosen_descriptors(self._describer(outfit), kinds)
        encoded = time.perf_counter()
        gallery = self._or_default(gallery)
        index_hits = self.index(gallery).search(gallery, query, gallery.max_count)
        snapshot = index_hits.snapshot
        hits = list_hits(index_hits, request)
        finished = time.perf_counter()
        return SimilarOutfits(
            hits=tuple(
                SimilarOutfit(hit, GarmentFeatures.from_snapshot(snapshot, hit.id).best_person(query))
                for hit in hits[:top_k]
            ),
            kinds=tuple(kinds),
            wearing=len(hits),
            searched=len(snapshot) - (exclude_id in snapshot.entries),
            seconds=finished - started,
            search_seconds=finished - encoded,
        )


def same_image_id(image: Image.Image, gallery: Gallery) -> int | None:
    """Return the id of the gallery's picture that was described from the same pixels, if there is one.

    Args:
        image: Image of mode RGB.
        gallery: Gallery that `OutfitSearch.add` filled.
    """
    jpeg = thumbnail(shrink(image, DESCRIBED_SIDE))
    return next((entry.id for entry in gallery.entries if entry.thumbnail == jpeg), None)


def chosen_descriptors(descriptors: Mapping[str, np.ndarray], kinds: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the descriptors of some kinds.

    Args:
        descriptors: Descriptors of a person by kind.
        kinds: Kinds to take.

    Raises:
        InputError: The person does not wear one of them.
    """
    missing = [TITLES[kind].lower() for kind in kinds if kind not in descriptors]
    if missing:
        worn = ", ".join(TITLES[kind].lower() for kind in descriptors) or "no clothes"
        raise InputError(f"We do not see this in the picture: {', '.join(missing)}. We see: {worn}.")
    return {kind: descriptors[kind] for kind in kinds}
