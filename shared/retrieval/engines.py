"""Engines of image search. A new engine is a strategy in the form of `strategies` and a row here.

All engines search the features of one describer: a gallery that was filled with one can be searched with any.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shared.core.engines import Engine
from shared.core.hub_networks.revisions import pinned
from shared.gallery.gallery import MAX_COUNT

if TYPE_CHECKING:
    import torch

    from shared.retrieval.hub.strategy import Dinov2Strategy
    from shared.retrieval.strategies import (
        DescriptorStrategy,
        HistogramStrategy,
        SearchStrategy,
        VisualWordStrategy,
    )


@dataclass(frozen=True, kw_only=True)
class SearchEngine(Engine["SearchStrategy[Any]"]):
    """Row of an engine of image search.

    Attributes:
        load: Factory of the strategy. It takes the keyword arguments of
            `shared.retrieval.strategies.SearchStrategy.load_describer`.
        min_images: Number of images from which the engine has an index of its own; below this number the
            index is exact.
    """

    load: Callable[..., SearchStrategy[Any]]
    min_images: int = 0


def descriptor_factory(index_type: str) -> Callable[..., DescriptorStrategy]:
    """Return the factory of a search by descriptors.

    Args:
        index_type: One of `shared.index.INDEX_TYPES`.
    """

    def load(**options: Any) -> DescriptorStrategy:
        from shared.retrieval.strategies import DescriptorStrategy  # deferred: torch is slow to import

        return DescriptorStrategy(DescriptorStrategy.load_describer(**options), index_type)

    return load


def visual_words_factory(*, levels: int, signature: bool = False) -> Callable[..., VisualWordStrategy]:
    """Return the factory of a search by visual words.

    Args:
        levels: Number of levels of the network whose words must agree.
        signature: True adds the signature of the whole image.
    """

    def load(**options: Any) -> VisualWordStrategy:
        from shared.retrieval.strategies import VisualWordStrategy  # deferred: torch is slow to import

        describer = VisualWordStrategy.load_describer(**options)
        return VisualWordStrategy(describer, levels, signature=signature)

    return load


def load_histogram(**options: Any) -> HistogramStrategy:
    """Load a search by color histograms."""
    from shared.retrieval.strategies import HistogramStrategy  # deferred: torch is slow to import

    return HistogramStrategy(HistogramStrategy.load_describer(**options))


DINOV2 = "dinov2"
DINOV2_REPOSITORY = "facebook/dinov2-with-registers-base"
#: Weights of its whitening, which are used where they are.
DINOV2_WHITENING = "retrieval-dinov2-whitening"


def load_dinov2(
    *,
    folder: str | os.PathLike | None = None,
    whitening: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    **options: Any,
) -> Dinov2Strategy:
    """Load a search by descriptors of DINOv2, whose choice permits its download.

    Args:
        folder: Snapshot of the repository, if it is known.
        whitening: Folder of a whitening of its descriptors; by default that of `DINOV2_WHITENING`, if it is
            on this machine.
        device: Device of the networks; by default the best available.
        **options: Further arguments of `shared.retrieval.strategies.SearchStrategy.load_describer`.

    Raises:
        WeightsError: Weights cannot be used, or the whitening was fitted to another network.
    """
    from shared.retrieval.hub.dinov2 import Dinov2Descriptor  # deferred: torch is slow to import
    from shared.retrieval.hub.strategy import Dinov2Strategy
    from shared.retrieval.hub.whitening import load_whitening

    row = ENGINES[DINOV2]
    descriptor = Dinov2Descriptor.load(row, folder=folder, device=device)
    descriptor.whitening = load_whitening(DINOV2_WHITENING, row, descriptor.files.folder, folder=whitening)
    return Dinov2Strategy(Dinov2Strategy.load_describer(device=device, **options), descriptor)


_ROWS = (
    SearchEngine(
        name="exact",
        title="Best matches (descriptor)",
        description="Compares whole photos, yours with every other one, and tells a match from a look-alike.",
        load=descriptor_factory("exact"),
        weights="retrieval-descriptor",
        licence="cc-by-nc-4.0",
        parameters=11_602_456,
    ),
    SearchEngine(
        name="ivf",
        title="Large galleries (IVF)",
        description="Sorts photos into groups and looks only into the nearest ones; from 10,000 photos on.",
        load=descriptor_factory("ivf"),
        weights="retrieval-descriptor",
        licence="cc-by-nc-4.0",
        parameters=11_602_456,
        min_images=10_000,
    ),
    SearchEngine(
        name="hnsw",
        title="Large galleries, fastest (HNSW)",
        description="Goes from photo to similar photo along a graph; from 2,000 photos on.",
        load=descriptor_factory("hnsw"),
        weights="retrieval-descriptor",
        licence="cc-by-nc-4.0",
        parameters=11_602_456,
        min_images=2_000,
    ),
    SearchEngine(
        name="pq",
        title="Large galleries, smallest (PQ)",
        description="Compares short codes of photos in place of their descriptors; from 20,000 photos on.",
        load=descriptor_factory("pq"),
        weights="retrieval-descriptor",
        licence="cc-by-nc-4.0",
        parameters=11_602_456,
        min_images=20_000,
    ),
    SearchEngine(
        name="deepindex-signature",
        title="Parts and whole (DeepIndex)",
        description="Looks for parts in common, at two levels of detail, and compares the whole photos too.",
        load=visual_words_factory(levels=2, signature=True),
        weights="retrieval-words",
        licence="cc-by-nc-4.0",
        parameters=16_634_096,
    ),
    SearchEngine(
        name="deepindex-multiple",
        title="Parts (DeepIndex, multiple)",
        description="Looks for parts in common, which must agree at two levels of detail.",
        load=visual_words_factory(levels=2),
        weights="retrieval-words",
        licence="cc-by-nc-4.0",
        parameters=16_634_096,
    ),
    SearchEngine(
        name="deepindex-single",
        title="Parts (DeepIndex, single)",
        description="Looks for parts in common, at one level of detail.",
        load=visual_words_factory(levels=1),
        weights="retrieval-words",
        licence="cc-by-nc-4.0",
        parameters=16_634_096,
    ),
    SearchEngine(
        name="histogram",
        title="Same colors (histogram)",
        description="Counts colors, wherever they are; no network.",
        load=load_histogram,
    ),
    SearchEngine(
        name=DINOV2,
        title="Large network (DINOv2)",
        description="A large public network looks at all pictures anew; its first use downloads 0.35 GB.",
        load=load_dinov2,
        weights=DINOV2_REPOSITORY,
        from_hub=True,
        revision=pinned(DINOV2_REPOSITORY),
        licence="apache-2.0",
        parameters=86_583_552,
        download_gb=0.35,
        published="features without labels for instance retrieval; ImageNet top-1 84.6% with a linear head",
    ),
)

ENGINES: Mapping[str, SearchEngine] = MappingProxyType({row.name: row for row in _ROWS})
#: Engines whose weights are part of the project.
OFFLINE_ENGINES: Mapping[str, SearchEngine] = MappingProxyType(
    {row.name: row for row in _ROWS if not row.from_hub}
)
#: Engines that differ from each other in a visitor's gallery, which holds at most `MAX_COUNT` images.
GALLERY_ENGINES: Mapping[str, SearchEngine] = MappingProxyType(
    {name: row for name, row in ENGINES.items() if row.min_images < MAX_COUNT}
)
