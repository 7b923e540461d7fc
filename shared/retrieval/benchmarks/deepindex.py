"""DeepIndex on INRIA Holidays, whole or in part, or on changed copies of any photos: how near, small, fast.

The words come from `weights/retrieval-words`, learned on other photos. The rows go from the whole descriptor
in float32, without and with three ways of re-ranking, over the single index of each level and the multiple
index of both to the index with the global signature, whose list may also go on where no word agrees. `bytes`
are those of one picture in memory and `packed_bytes` in a file, without the vocabulary. `ms_per_query` is
processor time, from the features of the query to the score of every picture.

Settings are chosen on `--copies`, where each of `--data`'s photos is looked for with a changed copy of it.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from shared.core import weights
from shared.evaluation import ranking, reports
from shared.retrieval.benchmarks.common import images
from shared.retrieval.benchmarks.holidays import PUBLISHED
from shared.retrieval.data.instances import Query, RetrievalSet, read_holidays
from shared.retrieval.deepindex.index import DeepIndex, Settings
from shared.retrieval.deepindex.patches import Bag, bag
from shared.retrieval.deepindex.vocabulary import WORDS, Vocabulary
from shared.retrieval.descriptor.extractor import HEAD, Extractor, network_digest, network_folders
from shared.retrieval.descriptor.rerank import diffuse, expand_queries, k_reciprocal
from shared.retrieval.engines import EXTRACTORS
from shared.retrieval.training.views import sample_view
from shared.training.datasets import read_images

MODULE = "shared.retrieval.benchmark deepindex"


@dataclass(frozen=True, eq=False)
class Described:
    """Pictures as all rows need them.

    Attributes:
        rows: float32 `[N, D]`, the descriptors.
        bags: What the index takes.
    """

    rows: np.ndarray
    bags: list[Bag]


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.copies and options.turns:
        parser.error("--turns is for photos that were not put upright: leave it out with --copies")
    try:
        data = _read_copies(options.data) if options.copies else read_holidays(options.data)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    available, data = len(data.queries), data.first(options.limit)
    folder = [one or None for one in options.weights.split(",")] if options.weights else None
    try:
        extractor = Extractor.load(options.engine, folder=folder, head=options.head)
        network = network_digest(*network_folders(options.engine, folder))
        words = Vocabulary.find(options.words, network=network)
        settings = _settings(options)
        if len(extractor.head.sizes) > 1:
            raise weights.WeightsError(
                "The descriptor takes several sizes, the patches one: give another --head."
            )
    except weights.WeightsError as error:
        raise SystemExit(str(error)) from error
    started = time.perf_counter()
    base = _describe(extractor, words, images(data.photos))
    looks = [_queries(extractor, words, data, base, options.seed if options.copies else None)]
    for turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270) if options.turns else ():
        shown = images([query.photo for query in data.queries], "turned query")
        looks.append(_describe(extractor, words, (picture.transpose(turn) for picture in shown)))
    return reports.finish(
        reports.Report(
            benchmark="deepindex",
            data=data.name,
            split=f"{len(data.photos)} photos",
            items=len(data.queries),
            weights=WORDS,
            metrics=compare(words, base, looks, data, settings=settings),
            published=PUBLISHED if len(data.photos) == 1491 and not options.copies else {},
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def compare(
    words: Vocabulary, base: Described, looks: Sequence[Described], data: RetrievalSet, *, settings: Settings
) -> dict[str, dict[str, float]]:
    """The figures of every row.

    Args:
        words: The vocabulary, of one level or two.
        base: The pictures that are searched.
        looks: What is searched with, in the order of the set's queries; then the same turned, if at all. With
            those, a row is added to each in which the best of a picture's scores counts.
        data: The set.
        settings: Of the index in full; the other rows leave out parts of it.
    """
    metrics = {}

    def add(name: str, search: Callable[[Described], np.ndarray], least: float, **bytes_: float) -> None:
        for part, ending in ((looks[:1], ""), *([(looks, ", query turned")] if len(looks) > 1 else [])):
            started = time.process_time()
            scores = np.maximum.reduce([search(look) for look in part])
            spent = time.process_time() - started
            figures = {**_precision(scores, data, least), "ms_per_query": 1000 * spent / len(scores)}
            metrics[name + ending] = figures | bytes_

    rows = base.rows
    descriptors = {
        "float32": lambda look: look.rows @ rows.T,
        "queries expanded": lambda look: expand_queries(look.rows, rows, 3, 3.0) @ rows.T,
        "k-reciprocal neighbors": lambda look: k_reciprocal(look.rows, rows),
        "diffusion": lambda look: diffuse(look.rows, rows),
    }
    for name, search in descriptors.items():
        size = float(rows[0].nbytes)
        add(f"descriptor, {name}", search, -np.inf, bytes=size, packed_bytes=size)
    names = [str(number) for number in range(len(base.bags))]
    for name, part, changed in _rows(words, settings):
        index = DeepIndex(part, changed)
        index.add(names, base.bags)
        # what has no word in common is not in the list: least is 0
        add(
            name,
            lambda look, index=index: np.stack([index.scores(one) for one in look.bags]),
            0.0,
            bytes=index.bytes_per_image(),
            packed_bytes=index.bytes_per_image(packed=True),
        )
    return metrics


def _rows(words: Vocabulary, settings: Settings) -> Iterator[tuple[str, Vocabulary, Settings]]:
    """Name, vocabulary and settings of every row of the index."""
    levels = list(words.codebooks)
    bare = replace(settings, signature=0.0, everywhere=False)
    for level, count in zip(levels, settings.assignments, strict=False):
        part = words.only(level, signature=False)
        yield f"single, {level}", part, replace(bare, assignments=(count,))
    name = "multiple" if len(levels) > 1 else "single"
    if len(levels) > 1:
        words_alone = words.only(*levels, codes=False, signature=False)
        yield "multiple, words alone", words_alone, replace(bare, sigma=None)
        yield "multiple", words.only(*levels, signature=False), bare
    if words.signature:
        yield f"{name} and signature", words, replace(settings, everywhere=False)
        yield f"{name} and signature, whole list", words, replace(settings, everywhere=True)


def _precision(scores: Sequence[np.ndarray], data: RetrievalSet, least: float = -np.inf) -> dict[str, float]:
    """`mAP` as the set's protocol takes it, and without trapezoids where it takes them."""
    lists = [order[row[order] > least] for row in scores for order in [ranking.rank(row)]]
    relevant, junk = zip(*((query.relevant, query.junk) for query in data.queries), strict=True)
    names = {"mAP": data.trapezoid} | ({"mAP_plain": False} if data.trapezoid else {})
    return {
        name: ranking.mean_average_precision(lists, relevant, junk, trapezoid=trapezoid)
        for name, trapezoid in names.items()
    }


@torch.inference_mode()
def _describe(extractor: Extractor, words: Vocabulary, pictures: Iterable[Image.Image]) -> Described:
    """Descriptors and bags of pictures, which are taken one by one; both from one pass of the network."""
    size, head = extractor.head.sizes[0], copy.deepcopy(extractor.head).cpu()
    rows, bags = [], []
    for picture in pictures:
        maps = {level: torch.from_numpy(x) for level, x in extractor.maps(picture, size).items()}
        rows.append(head({size: {level: x[None] for level, x in maps.items()}})[0].numpy())
        bags.append(bag(maps, words.boxes, words.power))
    return Described(np.stack(rows), bags)


def _queries(
    extractor: Extractor, words: Vocabulary, data: RetrievalSet, base: Described, seed: int | None
) -> Described:
    """The queries of a set: some of its photos, or with a seed changed copies of them."""
    shown = [query.photo for query in data.queries]
    if seed is None:
        place = {photo: number for number, photo in enumerate(data.photos)}
        places = [place[photo] for photo in shown]
        return Described(base.rows[places], [base.bags[number] for number in places])
    copies = (
        sample_view(picture, np.random.default_rng([seed, number]))
        for number, picture in enumerate(images(shown, "copy"))
    )
    return _describe(extractor, words, copies)


def _read_copies(path: Path) -> RetrievalSet:
    """Any photos, each of them searched for."""
    photos = tuple(read_images([path]))
    queries = tuple(Query(photo, relevant=frozenset([number])) for number, photo in enumerate(photos))
    return RetrievalSet(path.stem, photos, queries, trapezoid=False)


def _settings(options: argparse.Namespace) -> Settings:
    """How the index is searched: as its vocabulary was saved with, or as the options say."""
    saved = weights.read_config(weights.find(WORDS, folder=options.words)).get("settings", {})
    given = {name: value for name in saved if (value := getattr(options, name)) is not None}
    settings = Settings(**{**saved, **given})
    return replace(settings, assignments=tuple(settings.assignments))


def _parser() -> argparse.ArgumentParser:
    parser = reports.benchmark_parser("Measure DeepIndex beside whole descriptors.", MODULE)
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="both", help="networks (%(default)s)")
    parser.add_argument("--head", metavar="FOLDER", help=f"trained descriptor (weights/{HEAD})")
    parser.add_argument("--words", metavar="FOLDER", help=f"vocabulary (weights/{WORDS})")
    parser.add_argument("--copies", action="store_true", help="search for any photos with changed copies")
    parser.add_argument("--seed", type=int, default=0, help="of the changes (%(default)s)")
    parser.add_argument(
        "--turns", action="store_true", help="also search with the query turned by a quarter, best of three"
    )
    settings = parser.add_argument_group("settings in place of those that the vocabulary was saved with")
    settings.add_argument(
        "--assignments",
        nargs="+",
        type=reports.positive_int,
        metavar="N",
        help="words for each patch of a query",
    )
    settings.add_argument("--sigma", type=float, metavar="BITS", help="of the votes")
    settings.add_argument("--signature", type=float, metavar="WEIGHT", help="of the signature")
    return parser
