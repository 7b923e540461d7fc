"""Comparison of descriptors, as several benchmarks share it: heads, descriptors, similarities."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.image_files import ImageFile
from shared.core.images import Box, crop
from shared.core.weights import WeightsError
from shared.evaluation import ranking, reports
from shared.retrieval.data.instances import Query, RetrievalSet
from shared.retrieval.descriptor.backbones import EXTRACTORS, extractor_levels
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.pooling import POOLINGS
from shared.retrieval.histogram import color_histogram

HISTOGRAM = "color histogram"
DEFAULT_SIZE = 320
ROTATIONS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)

#: Descriptors of unit length by the name of the head, `[N, dims]` each.
Descriptors: TypeAlias = dict[str, np.ndarray]


@dataclass(frozen=True)
class ComparisonSettings:
    """Rows of a comparison in addition to one per head.

    Attributes:
        rotations: True adds a row per head in which the query is also rotated by a quarter turn to either
            side, and the best of the three similarities counts: for images that are not upright.
        histogram: True adds the row `HISTOGRAM`.
    """

    rotations: bool = False
    histogram: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a benchmark that compares descriptors."""
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="both", help="backbones (%(default)s)")
    parser.add_argument("--head", metavar="FOLDER", help=f"trained descriptor (weights/{HEAD})")
    parser.add_argument(
        "--size",
        type=reports.positive_int,
        default=DEFAULT_SIZE,
        help="longer side for untrained heads (%(default)s)",
    )
    parser.add_argument("--untrained", action="store_true", help="leave the trained descriptor out")
    parser.add_argument("--only-trained", action="store_true", help="leave all others out")


def load_heads(options: argparse.Namespace) -> tuple[Extractor, dict[str, DescriptorHead]]:
    """Load the extractor and all heads that a benchmark compares.

    Raises:
        SystemExit: Weights are missing.
    """
    levels = extractor_levels(options.engine)
    heads = {} if options.only_trained else untrained_heads(options.size, levels)
    head = DescriptorHead(levels, sizes=[options.size]) if options.untrained else options.head
    try:
        extractor = Extractor.load(options.engine, folder=parse_folders(options.weights), head=head)
    except WeightsError as error:
        raise SystemExit(f"{error} (--untrained leaves the trained descriptor out)") from error
    return extractor, heads if options.untrained else {**heads, HEAD: extractor.head}


def parse_folders(text: str | None) -> list[str | None] | None:
    """Parse the weight folders of an ensemble's backbones, separated by commas; an empty one is a default.

    >>> parse_folders("runs/lite,")
    ['runs/lite', None]
    """
    return [folder or None for folder in text.split(",")] if text else None


def weights_name(options: argparse.Namespace) -> str:
    """Return the name of the weights in a report."""
    name: str = Path(options.weights).name if options.weights else options.engine
    return name


def untrained_heads(size: int, levels: Sequence[str]) -> dict[str, DescriptorHead]:
    """Return heads without whitening: every pooling at every level, and GeM at all levels."""
    heads = {
        f"{pooling}, {level}": DescriptorHead([level], pooling, sizes=[size])
        for level in levels
        for pooling in POOLINGS
    }
    return heads | {f"gem, {' and '.join(levels)}": DescriptorHead(levels, sizes=[size])}


def describe(
    extractor: Extractor,
    heads: Mapping[str, DescriptorHead],
    images: Iterable[Image.Image],
    boxes: Sequence[Box | None] | None = None,
    *,
    histogram: bool = False,
) -> Descriptors:
    """Describe images with all heads.

    Args:
        extractor: Extractor of the feature maps.
        heads: Heads by name.
        images: At least one RGB image; they are taken one by one.
        boxes: Part of each image to describe; by default the whole.
        histogram: True adds the row `HISTOGRAM`.
    """
    rows: dict[str, list[np.ndarray]] = {}
    for number, image in enumerate(images):
        box = None if boxes is None else boxes[number]
        described = extractor.compare_heads(image, heads, box)
        if histogram:
            described[HISTOGRAM] = color_histogram(crop(image, box))
        for name, row in described.items():
            rows.setdefault(name, []).append(row)
    return {name: np.stack(row) for name, row in rows.items()}


def decode(files: Sequence[ImageFile], unit: str = "photo") -> Iterator[Image.Image]:
    """Decode images one by one, with a progress bar."""
    return (file.image() for file in tqdm(files, unit=unit, leave=False))


def mean_average_precision(queries: Sequence[Query], similarity: np.ndarray, *, trapezoid: bool) -> float:
    """Compute the mAP of queries from similarities `[queries, images]`."""
    return ranking.mean_average_precision(
        list(ranking.rank(similarity)),
        [query.relevant for query in queries],
        [query.junk for query in queries],
        trapezoid=trapezoid,
    )


def similarities(
    extractor: Extractor,
    heads: Mapping[str, DescriptorHead],
    data: RetrievalSet,
    settings: ComparisonSettings,
) -> dict[str, np.ndarray]:
    """Compute the cosines of all queries of a set with all images, `[queries, images]` for each row.

    Args:
        extractor: Extractor of the feature maps.
        heads: Heads by name.
        data: Retrieval set. A query without a box that is one of the images is described once.
        settings: Further rows.
    """
    base = describe(extractor, heads, decode(data.images), histogram=settings.histogram)
    index = {image: number for number, image in enumerate(data.images)}
    files = [query.image for query in data.queries]
    if all(query.box is None and query.image in index for query in data.queries):
        numbers = [index[file] for file in files]
        queries = {name: rows[numbers] for name, rows in base.items()}
    else:
        boxes = [query.box for query in data.queries]
        images = decode(files, "query")
        queries = describe(extractor, heads, images, boxes, histogram=settings.histogram)
    similarity = {name: queries[name] @ rows.T for name, rows in base.items()}
    if settings.rotations:
        best = {name: similarity[name] for name in heads}
        for rotation in ROTATIONS:
            rotated = (
                crop(image, query.box).transpose(rotation)
                for image, query in zip(decode(files, "rotated query"), data.queries, strict=True)
            )
            rows = describe(extractor, heads, rotated)
            best = {name: np.maximum(best[name], rows[name] @ base[name].T) for name in heads}
        similarity |= {f"{name}, query turned": rows for name, rows in best.items()}
    return similarity
