"""Faithfulness of explanations to the score that they explain, measured by deletion.

Each query of INRIA Holidays is explained against the first other image of its group. The evidence in the
query is replaced by the query's mean color, and the score is computed again: a faithful explanation lowers it
more than the same shape elsewhere. `regions` are the numbered boxes, and `heat` the hottest fifth of the
image; the random shapes are the explanation's own, shifted cyclically, so that the area is exactly the same.

`drop` is the mean fraction of the score that is lost, `random_drop` that of random shapes, and `better` the
fraction of the pairs in which the explanation loses more than random shapes do on average.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.images import shrink
from shared.core.weights import WeightsError
from shared.evaluation import reports
from shared.gallery.gallery import Gallery
from shared.retrieval.data.instances import RetrievalSet, read_holidays
from shared.retrieval.describer import Describer, DescriberWeights
from shared.retrieval.engines import ENGINES
from shared.retrieval.explanation.explanation import Explanation
from shared.retrieval.search import ImageSearch

MODULE = "shared.retrieval.benchmark explain"
CELLS = 24  # per side: whole cells are deleted
HOTTEST = 0.2
METHODS = ("regions", "heat")
#: One engine of each way to explain.
DEFAULT_ENGINES = ("exact", "deepindex-single", "deepindex-signature", "histogram")


def region_mask(explanation: Explanation) -> np.ndarray:
    """Return the cells whose center lies in a region of the query, bool `[CELLS, CELLS]`."""
    centers = (np.arange(CELLS) + 0.5) / CELLS
    mask = np.zeros((CELLS, CELLS), bool)
    for pair in explanation.pairs:
        left, top, right, bottom = np.array(pair.query) / np.array([*explanation.query.size] * 2)
        rows, columns = (centers > top) & (centers < bottom), (centers > left) & (centers < right)
        mask |= rows[:, None] & columns
    return mask


def heat_mask(explanation: Explanation) -> np.ndarray:
    """Return the hottest cells of the query, bool `[CELLS, CELLS]`."""
    heat = Image.fromarray(explanation.query_heat).resize((CELLS, CELLS), Image.Resampling.BOX)
    order = np.argsort(-np.asarray(heat), axis=None, kind="stable")
    mask = np.zeros(CELLS * CELLS, bool)
    mask[order[: round(HOTTEST * len(order))]] = True
    return mask.reshape(CELLS, CELLS)


def delete_cells(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """Return the image with its mean color in the cells of a mask `[CELLS, CELLS]`."""
    mean = tuple(np.rint(np.asarray(image).mean((0, 1))).astype(int).tolist())
    stencil = Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", image.size, mean), image, stencil)


def random_shift(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift a mask `[CELLS, CELLS]` cyclically by a random offset."""
    down, right = rng.integers(CELLS, size=2).tolist()
    return np.roll(mask, (down, right), axis=(0, 1))


def measure(
    search: ImageSearch, queries: Sequence[Image.Image], ids: Sequence[int], *, draws: int, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Measure one engine, by method.

    Args:
        search: Search with its gallery.
        queries: Queries.
        ids: Image to explain for each query.
        draws: Number of random shapes for each explanation.
        seed: Seed of the random shapes.
    """
    drops: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    pairs = zip(tqdm(queries, unit="pair", desc=search.engine), ids, strict=True)
    for number, (query, id) in enumerate(pairs):
        full_score = score(search, query, id)
        if full_score <= 0:
            continue  # the image is no hit, so there is nothing to explain
        explanation = search.explain(query, id)
        rng = np.random.default_rng([seed, number])
        for method, mask in zip(METHODS, (region_mask(explanation), heat_mask(explanation)), strict=True):
            drop = 1 - score(search, delete_cells(query, mask), id) / full_score
            random_drops = [
                1 - score(search, delete_cells(query, random_shift(mask, rng)), id) / full_score
                for _ in range(draws)
            ]
            drops[method].append((drop, float(np.mean(random_drops))))
    return {method: _metrics(np.array(rows)) for method, rows in drops.items() if rows}


def score(search: ImageSearch, query: Image.Image, id: int) -> float:
    """Return the score of one image of the search's gallery; 0 if it is no hit."""
    hits = search.index().search(search.gallery, search.describe(query), len(search.gallery))
    return hits.scores[hits.ids.index(id)] if id in hits.ids else 0.0


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure how faithful explanations of searches are.", MODULE)
    parser.add_argument("--words", metavar="FOLDER", help="vocabulary of DeepIndex, if not the default")
    parser.add_argument("--network", nargs="+", metavar="FOLDER", help="weights of each backbone")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(DEFAULT_ENGINES))
    parser.add_argument(
        "--distractors", type=int, default=200, help="photos of other groups in the gallery (%(default)s)"
    )
    parser.add_argument("--draws", type=reports.positive_int, default=5, help="random shapes (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random shapes (%(default)s)")
    options = parser.parse_args(arguments)
    sources = DescriberWeights(
        head=options.weights, vocabulary=options.words, backbone_folders=options.network
    )
    try:
        data = read_holidays(options.data)
        describer = Describer.load(sources)
        searches = [ImageSearch(name, ENGINES[name].load(describer=describer)) for name in options.engines]
    except (OSError, ValueError, WeightsError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    available, data = len(data.queries), data.limit(options.limit)
    gallery, ids = _fill_gallery(data, searches[0], options.distractors)
    queries = [shrink(query.image.image()) for query in data.queries]
    metrics: dict[str, dict[str, float]] = {}
    for search in searches:
        search.gallery = gallery
        by_method = measure(search, queries, ids, draws=options.draws, seed=options.seed)
        metrics |= {f"{search.engine}, {method}": values for method, values in by_method.items()}
    report = reports.Report(
        benchmark="explain",
        data=data.name,
        split="a query and the first other photo of its group",
        items=len(queries),
        weights=Path(options.weights or "retrieval-descriptor").name,
        metrics=metrics,
        available=available,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def _fill_gallery(data: RetrievalSet, search: ImageSearch, distractors: int) -> tuple[Gallery, list[int]]:
    """Return a gallery with a relevant image of each query and distractors, and the ids of the former."""
    relevant = [min(query.relevant) for query in data.queries]
    grouped = {number for query in data.queries for number in (query.relevant | query.junk)}
    remaining = [number for number in range(len(data.images)) if number not in grouped][:distractors]
    gallery = Gallery(max_count=len(relevant) + len(remaining), max_bytes=2**40)
    report = search.add((data.images[number] for number in (*relevant, *remaining)), gallery)
    if report.skipped:
        raise SystemExit(f"{report.skipped[0][0]} cannot be used: {report.skipped[0][1]}")
    return gallery, list(report.ids[: len(relevant)])


def _metrics(drops: np.ndarray) -> dict[str, float]:
    """Summarise the drops of explanations and of random shapes, `[N, 2]`."""
    explained, random = drops.T
    return {
        "drop": float(explained.mean()),
        "random_drop": float(random.mean()),
        "better": float((explained > random).mean()),
        "pairs": len(drops),
    }
