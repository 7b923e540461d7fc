"""DeepIndex on INRIA Holidays, whole or in part, or on edited copies of any images: mAP, memory, time.

The vocabulary comes from `weights/retrieval-words`, learned on other images. The rows go from the descriptor
in float32, without and with three ways of re-ranking, over the single index of each level and the multiple
index to the index with the signature, whose ranking may also go on where no word agrees. `bytes` are those of
one image in memory and `packed_bytes` in a file, without the vocabulary. `ms_per_query` is processor time,
from the features of the query to the score of every image.

Settings are chosen on `--copies`, where each image is searched with an edited copy of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from shared.core.image_files import read_images
from shared.core.weights import WeightsError
from shared.evaluation import ranking, reports
from shared.retrieval.benchmarks.common import ROTATIONS, decode, parse_folders
from shared.retrieval.benchmarks.holidays import PUBLISHED
from shared.retrieval.data.instances import Query, RetrievalSet, read_holidays
from shared.retrieval.deepindex.index import DeepIndex
from shared.retrieval.deepindex.patches import Bag, compute_bag
from shared.retrieval.deepindex.vocabulary import WORDS, Vocabulary
from shared.retrieval.descriptor.backbones import EXTRACTORS
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.descriptor.rerank import diffuse, expand_queries, k_reciprocal
from shared.retrieval.training.augmentation import sample_view

MODULE = "shared.retrieval.benchmark deepindex"


@dataclass(frozen=True, eq=False)
class Features:
    """Features of images for all rows.

    Attributes:
        descriptors: float32 `[N, D]` of unit length.
        bags: Bags for the indexes.
    """

    descriptors: np.ndarray
    bags: list[Bag]


@dataclass(frozen=True, eq=False)
class Ranker:
    """Row of the benchmark.

    Attributes:
        name: Name of the row.
        score: Scores the images for all queries, `[queries, images]`.
        min_score: Score that a ranked image must exceed.
        bytes: Bytes of one image in memory.
        packed_bytes: Bytes of one image in a file.
    """

    name: str
    score: Callable[[Features], np.ndarray]
    min_score: float
    bytes: float
    packed_bytes: float


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.copies and options.rotations:
        parser.error("--rotations is for photos that are not upright: leave it out with --copies")
    try:
        data = _read_copies(options.data) if options.copies else read_holidays(options.data)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    available, data = len(data.queries), data.limit(options.limit)
    folders = parse_folders(options.weights)
    try:
        extractor = Extractor.load(options.engine, folder=folders, head=options.head)
        vocabulary = _with_options(Vocabulary.load(options.words, network=extractor.network_digest), options)
        if len(extractor.head.sizes) > 1:
            raise WeightsError("The descriptor takes several sizes, the patches one: give another --head.")
    except WeightsError as error:
        raise SystemExit(str(error)) from error
    started = time.perf_counter()
    base = _describe(extractor, vocabulary, decode(data.images))
    queries = [_describe_queries(extractor, vocabulary, data, base, options.seed if options.copies else None)]
    for rotation in ROTATIONS if options.rotations else ():
        images = decode([query.image for query in data.queries], "rotated query")
        rotated = (image.transpose(rotation) for image in images)
        queries.append(_describe(extractor, vocabulary, rotated))
    report = reports.Report(
        benchmark="deepindex",
        data=data.name,
        split=f"{len(data.images)} photos",
        items=len(data.queries),
        weights=WORDS,
        metrics=compare(vocabulary, base, queries, data),
        published=PUBLISHED if len(data.images) == 1491 and not options.copies else {},
        available=available,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def compare(
    vocabulary: Vocabulary, base: Features, queries: Sequence[Features], data: RetrievalSet
) -> dict[str, dict[str, float]]:
    """Measure all rows.

    Args:
        vocabulary: Vocabulary of one level or two; its settings are those of the full index.
        base: Searched images.
        queries: Queries of the set; then the same rotated, if at all. With those, each row gets a second one
            in which the best score of an image counts.
        data: Retrieval set.
    """
    metrics = {}
    for ranker in [*_descriptor_rankers(base), *_index_rankers(vocabulary, base)]:
        variants = {ranker.name: queries[:1]}
        if len(queries) > 1:
            variants[f"{ranker.name}, query turned"] = queries
        for name, variant in variants.items():
            started = time.process_time()
            scores = np.maximum.reduce([ranker.score(features) for features in variant])
            seconds = time.process_time() - started
            metrics[name] = {
                **_precision(scores, data, ranker.min_score),
                "ms_per_query": 1000 * seconds / len(scores),
                "bytes": ranker.bytes,
                "packed_bytes": ranker.packed_bytes,
            }
    return metrics


def _descriptor_rankers(base: Features) -> Iterator[Ranker]:
    """Yield the rows of the descriptor, plain and re-ranked."""
    rows = base.descriptors
    size = float(rows[0].nbytes)
    scores: dict[str, Callable[[Features], np.ndarray]] = {
        "float32": lambda queries: queries.descriptors @ rows.T,
        "queries expanded": lambda queries: expand_queries(queries.descriptors, rows, 3, 3.0) @ rows.T,
        "k-reciprocal neighbors": lambda queries: k_reciprocal(queries.descriptors, rows),
        "diffusion": lambda queries: diffuse(queries.descriptors, rows),
    }
    for name, score in scores.items():
        yield Ranker(f"descriptor, {name}", score, -np.inf, size, size)


def _index_rankers(vocabulary: Vocabulary, base: Features) -> Iterator[Ranker]:
    """Yield the rows of the index, from a single level to all of it."""
    names = [str(number) for number in range(len(base.bags))]
    for name, part in _vocabularies(vocabulary):
        index = DeepIndex(part)
        index.add(names, base.bags)
        # an image without a common word is not ranked
        yield Ranker(
            name,
            partial(_index_scores, index),
            0.0,
            bytes=index.bytes_per_image(),
            packed_bytes=index.bytes_per_image(compressed=True),
        )


def _index_scores(index: DeepIndex, queries: Features) -> np.ndarray:
    return np.stack([index.scores(bag) for bag in queries.bags])


def _vocabularies(vocabulary: Vocabulary) -> Iterator[tuple[str, Vocabulary]]:
    """Yield the name and the vocabulary of every row of the index."""
    levels, full = list(vocabulary.codebooks), vocabulary.settings
    bare = replace(full, signature=0.0, full_ranking=False)
    for level, assignment in zip(levels, full.assignments, strict=False):
        settings = replace(bare, assignments=(assignment,))
        yield f"single, {level}", replace(vocabulary.select(level, signature=False), settings=settings)
    name = "multiple" if len(levels) > 1 else "single"
    if len(levels) > 1:
        words_alone = vocabulary.select(*levels, codes=False, signature=False)
        yield "multiple, words alone", replace(words_alone, settings=replace(bare, sigma=None))
        yield "multiple", replace(vocabulary.select(*levels, signature=False), settings=bare)
    if vocabulary.signature:
        for suffix, full_ranking in (("", False), (", whole list", True)):
            settings = replace(full, full_ranking=full_ranking)
            yield f"{name} and signature{suffix}", replace(vocabulary, settings=settings)


def _precision(scores: np.ndarray, data: RetrievalSet, min_score: float) -> dict[str, float]:
    """Compute `mAP` of the set's protocol, and `mAP_plain` without trapezoids where it has them."""
    rankings = [order[row[order] > min_score] for row in scores for order in [ranking.rank(row)]]
    relevant = [query.relevant for query in data.queries]
    junk = [query.junk for query in data.queries]
    protocols = {"mAP": data.trapezoid} | ({"mAP_plain": False} if data.trapezoid else {})
    return {
        name: ranking.mean_average_precision(rankings, relevant, junk, trapezoid=trapezoid)
        for name, trapezoid in protocols.items()
    }


@torch.inference_mode()
def _describe(extractor: Extractor, vocabulary: Vocabulary, images: Iterable[Image.Image]) -> Features:
    """Compute descriptors and bags of images, one by one, each from one pass of the network."""
    size = extractor.head.sizes[0]
    device = extractor.head.mean.device
    descriptors, bags = [], []
    for image in images:
        maps = {level: torch.from_numpy(x) for level, x in extractor.maps(image, size).items()}
        row = extractor.head({size: {level: x[None].to(device) for level, x in maps.items()}})[0]
        descriptors.append(row.cpu().numpy())
        bags.append(compute_bag(maps, vocabulary.boxes, vocabulary.power))
    return Features(np.stack(descriptors), bags)


def _describe_queries(
    extractor: Extractor, vocabulary: Vocabulary, data: RetrievalSet, base: Features, seed: int | None
) -> Features:
    """Return the features of the queries: images of the set, or with a seed edited copies of them."""
    files = [query.image for query in data.queries]
    if seed is None:
        index = {image: number for number, image in enumerate(data.images)}
        numbers = [index[file] for file in files]
        return Features(base.descriptors[numbers], [base.bags[number] for number in numbers])
    copies = (
        sample_view(image, np.random.default_rng([seed, number]))
        for number, image in enumerate(decode(files, "copy"))
    )
    return _describe(extractor, vocabulary, copies)


def _read_copies(path: Path) -> RetrievalSet:
    """List any images, each of them a query that must find itself."""
    images = tuple(read_images([path]))
    queries = tuple(Query(image, relevant=frozenset([number])) for number, image in enumerate(images))
    return RetrievalSet(path.stem, images, queries, trapezoid=False)


def _with_options(vocabulary: Vocabulary, options: argparse.Namespace) -> Vocabulary:
    """Return the vocabulary with the settings of the command line in place of its own."""
    settings = vocabulary.settings
    if options.assignments is not None:
        settings = replace(settings, assignments=tuple(options.assignments))
    if options.sigma is not None:
        settings = replace(settings, sigma=options.sigma)
    if options.signature is not None:
        settings = replace(settings, signature=options.signature)
    return replace(vocabulary, settings=settings)


def _parser() -> argparse.ArgumentParser:
    parser = reports.benchmark_parser("Measure DeepIndex against whole descriptors.", MODULE)
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="both", help="backbones (%(default)s)")
    parser.add_argument("--head", metavar="FOLDER", help=f"trained descriptor (weights/{HEAD})")
    parser.add_argument("--words", metavar="FOLDER", help=f"vocabulary (weights/{WORDS})")
    parser.add_argument("--copies", action="store_true", help="search any photos with edited copies")
    parser.add_argument("--seed", type=int, default=0, help="of the edits (%(default)s)")
    parser.add_argument(
        "--rotations",
        action="store_true",
        help="also search with the query rotated by a quarter turn, best of three",
    )
    settings = parser.add_argument_group("settings in place of those of the vocabulary")
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
