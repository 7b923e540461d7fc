"""What all protocols of retrieval share: describing many photos in several ways, and scoring the searches."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.images import Box, crop
from shared.core.weights import WeightsError
from shared.evaluation import ranking, reports
from shared.retrieval.data.instances import Query, RetrievalSet
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.levels import engine_levels
from shared.retrieval.descriptor.pooling import POOLINGS
from shared.retrieval.engines import EXTRACTORS
from shared.retrieval.histogram import color_histogram
from shared.training.datasets import ImageFile

HISTOGRAM = "color histogram"
SIZE = 320

#: Descriptors by the name of the setting, `[N, dims]` each, of length 1.
Rows = dict[str, np.ndarray]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of every protocol that compares descriptors."""
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="cfn", help="network (%(default)s)")
    parser.add_argument("--head", metavar="FOLDER", help=f"trained descriptor (weights/{HEAD})")
    parser.add_argument(
        "--size",
        type=reports.positive_int,
        default=SIZE,
        help="longer side for untrained heads (%(default)s)",
    )
    parser.add_argument("--untrained", action="store_true", help="leave the trained descriptor out")
    parser.add_argument("--only-trained", action="store_true", help="leave everything else out")


def load(options: argparse.Namespace) -> tuple[Extractor, dict[str, DescriptorHead]]:
    """The network and all heads that a protocol compares; a missing trained one ends the program."""
    levels = engine_levels(options.engine)
    heads = {} if options.only_trained else untrained_heads(options.size, levels)
    # of an engine with several networks: one folder for each, with commas between
    folder = [one or None for one in options.weights.split(",")] if options.weights else None
    try:
        if options.untrained:
            head = DescriptorHead(levels, sizes=[options.size])
            extractor = Extractor.load(options.engine, folder=folder, head=head)
        else:
            extractor = Extractor.load(options.engine, folder=folder, head=options.head)
            heads[HEAD] = extractor.head
    except WeightsError as error:
        raise SystemExit(f"{error} (--untrained leaves the trained descriptor out)") from error
    return extractor, heads


def untrained_heads(size: int, levels: Sequence[str]) -> dict[str, DescriptorHead]:
    """Every pooling at every level, and GeM at all together, without whitening."""
    heads = {
        f"{pooling}, {level}": DescriptorHead([level], pooling, sizes=[size])
        for level in levels
        for pooling in POOLINGS
    }
    return heads | {f"gem, {' and '.join(levels)}": DescriptorHead(levels, sizes=[size])}


def describe(
    extractor: Extractor,
    heads: Mapping[str, DescriptorHead],
    pictures: Iterable[Image.Image],
    boxes: Sequence[Box | None] | None = None,
    *,
    histogram: bool = False,
) -> Rows:
    """Describes pictures with all heads, and by their colors where asked.

    Args:
        extractor: The network.
        heads: Heads by the name of the setting.
        pictures: RGB, at least one; they are taken one by one.
        boxes: The part of each that counts; by default the whole.
        histogram: Whether to add the row `HISTOGRAM`.
    """
    rows: dict[str, list[np.ndarray]] = {}
    for number, picture in enumerate(pictures):
        box = None if boxes is None else boxes[number]
        found = extractor.compare(picture, heads, box)
        if histogram:
            found[HISTOGRAM] = color_histogram(crop(picture, box))
        for name, row in found.items():
            rows.setdefault(name, []).append(row)
    return {name: np.stack(row) for name, row in rows.items()}


def images(photos: Sequence[ImageFile], unit: str = "photo") -> Iterable[Image.Image]:
    """The photos' pictures, one by one, with a progress bar."""
    return (photo.image() for photo in tqdm(photos, unit=unit, leave=False))


def mean_average_precision(queries: Sequence[Query], similarity: np.ndarray, *, trapezoid: bool) -> float:
    """mAP of a set's searches from the similarity `[queries, photos]`."""
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
    *,
    turns: bool,
    histogram: bool,
) -> dict[str, np.ndarray]:
    """Cosines `[queries, photos]` of every query of a set with every photo, for each setting.

    Args:
        extractor: The network.
        heads: Heads by the name of the setting.
        data: The set. A query without a box that is one of the photos is described only once.
        turns: Whether to add a row for each head in which the query is also searched with turned by a quarter
            to either side, and the best of the three similarities counts: for photos that were not put
            upright.
        histogram: Whether to add the row `HISTOGRAM`.
    """
    base = describe(extractor, heads, images(data.photos), histogram=histogram)
    place = {photo: number for number, photo in enumerate(data.photos)}
    shown = [query.photo for query in data.queries]
    if all(query.box is None and query.photo in place for query in data.queries):
        numbers = [place[photo] for photo in shown]
        own = {name: rows[numbers] for name, rows in base.items()}
    else:
        boxes = [query.box for query in data.queries]
        own = describe(extractor, heads, images(shown, "query"), boxes, histogram=histogram)
    found = {name: own[name] @ rows.T for name, rows in base.items()}
    if turns:
        best = {name: found[name] for name in heads}
        for turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270):
            pictures = (
                crop(picture, query.box)
                for picture, query in zip(images(shown, "turned query"), data.queries, strict=True)
            )
            rows = describe(extractor, heads, (picture.transpose(turn) for picture in pictures))
            best = {name: np.maximum(best[name], rows[name] @ base[name].T) for name in heads}
        found |= {f"{name}, query turned": rows for name, rows in best.items()}
    return found
