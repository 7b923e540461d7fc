"""How faithful explanations are to the search that they explain, measured by deletion.

Each query of INRIA Holidays is explained against the first other photo of its group. What the explanation
names in the query turns into the query's mean color, and the score of the photo is looked at anew: an
explanation that found what matters lowers it more than the same shape does elsewhere. `regions` are the
numbered boxes, and `heat` the hottest fifth of the picture; the shape's random places are the picture's own,
moved round its borders, so that the area is exactly the same.

`drop` is the mean share of the score that is lost, `random_drop` that of random places, and `better` the part
of the pairs in which the explanation loses more than random places do on average.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.weights import WeightsError
from shared.evaluation import reports
from shared.gallery.gallery import Gallery
from shared.gallery.thumbnails import shrink
from shared.retrieval.data.instances import RetrievalSet, read_holidays
from shared.retrieval.descriptor.describer import Describer
from shared.retrieval.engines import ENGINES
from shared.retrieval.explanation.regions import Explanation
from shared.retrieval.search import ImageSearch

MODULE = "shared.retrieval.benchmark explain"
CELLS = 24  # per side: what is hidden consists of whole cells
HOTTEST = 0.2
METHODS = ("regions", "heat")
#: One engine of each way to explain.
DEFAULT = ("exact", "deepindex-single", "deepindex-signature", "histogram")


def region_cells(explanation: Explanation) -> np.ndarray:
    """The cells whose middle lies in a region of the query, bool `[CELLS, CELLS]`."""
    middles = (np.arange(CELLS) + 0.5) / CELLS
    hidden = np.zeros((CELLS, CELLS), bool)
    for pair in explanation.pairs:
        left, top, right, bottom = np.array(pair.query) / np.array([*explanation.query.size] * 2)
        rows, columns = (middles > top) & (middles < bottom), (middles > left) & (middles < right)
        hidden |= rows[:, None] & columns
    return hidden


def hot_cells(explanation: Explanation) -> np.ndarray:
    """The hottest cells of the query, bool `[CELLS, CELLS]`."""
    heat = Image.fromarray(explanation.query_heat).resize((CELLS, CELLS), Image.Resampling.BOX)
    order = np.argsort(-np.asarray(heat), axis=None, kind="stable")
    hidden = np.zeros(CELLS * CELLS, bool)
    hidden[order[: round(HOTTEST * len(order))]] = True
    return hidden.reshape(CELLS, CELLS)


def hide(picture: Image.Image, cells: np.ndarray) -> Image.Image:
    """The picture with its mean color in some of `[CELLS, CELLS]` cells."""
    mean = tuple(np.rint(np.asarray(picture).mean((0, 1))).astype(int).tolist())
    mask = Image.fromarray(cells.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", picture.size, mean), picture, mask)


def moved(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same cells elsewhere: what leaves the picture at one side comes back at the other."""
    return np.roll(cells, tuple(rng.integers(CELLS, size=2)), axis=(0, 1))


def measure(
    search: ImageSearch, queries: Sequence[Image.Image], ids: Sequence[int], *, draws: int, seed: int = 0
) -> dict[str, dict[str, float]]:
    """The figures of one engine, by method.

    Args:
        search: The engine, with its gallery.
        queries: What is searched with.
        ids: What is explained for each.
        draws: How many random places each explanation is compared with.
        seed: Of these.
    """
    drops: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for number, (query, id) in enumerate(
        zip(tqdm(queries, unit="pair", desc=search.engine), ids, strict=True)
    ):
        whole = score(search, query, id)
        if whole <= 0:
            continue  # it was not found, so there is nothing to explain
        explanation = search.explain(query, id)
        rng = np.random.default_rng([seed, number])
        for method, cells in (("regions", region_cells(explanation)), ("heat", hot_cells(explanation))):
            own = 1 - score(search, hide(query, cells), id) / whole
            others = [1 - score(search, hide(query, moved(cells, rng)), id) / whole for _ in range(draws)]
            drops[method].append((own, float(np.mean(others))))
    return {method: _figures(np.array(pairs)) for method, pairs in drops.items() if pairs}


def score(search: ImageSearch, query: Image.Image, id: int) -> float:
    """The score of one picture of the search's gallery; 0 if it is not found."""
    found = search.index().search(search.gallery, search.describe(query), len(search.gallery))
    return found.scores[found.ids.index(id)] if id in found.ids else 0.0


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure how faithful explanations of searches are.", MODULE)
    parser.add_argument("--words", metavar="FOLDER", help="words of DeepIndex, if not its own")
    parser.add_argument(
        "--network", nargs="+", metavar="FOLDER", help="weights of each network, if not its own"
    )
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(DEFAULT))
    parser.add_argument(
        "--others", type=int, default=200, help="photos beside them, which tell rare words (%(default)s)"
    )
    parser.add_argument("--draws", type=reports.positive_int, default=5, help="random places (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random places (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        data = read_holidays(options.data)
        describer = Describer.load(head=options.weights, words=options.words, network=options.network)
        searches = [ImageSearch(engine, describer) for engine in options.engines]
    except (OSError, ValueError, WeightsError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    available, data = len(data.queries), data.first(options.limit)
    queries, gallery, ids = _pairs(data, searches[0], options.others)
    metrics = {}
    for search in searches:
        search.gallery = gallery
        found = measure(search, queries, ids, draws=options.draws, seed=options.seed)
        metrics |= {f"{search.engine}, {method}": figures for method, figures in found.items()}
    return reports.finish(
        reports.Report(
            benchmark="explain",
            data=data.name,
            split="a query and the first other photo of its group",
            items=len(queries),
            weights=Path(options.weights or "retrieval-descriptor").name,
            metrics=metrics,
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _pairs(
    data: RetrievalSet, search: ImageSearch, others: int
) -> tuple[list[Image.Image], Gallery, list[int]]:
    """The queries, a gallery with what they should find and some other photos, and the ids of the former."""
    wanted = [min(query.relevant) for query in data.queries]
    shown = {number for query in data.queries for number in (query.relevant | query.junk)}
    rest = [number for number in range(len(data.photos)) if number not in shown][:others]
    gallery = Gallery(max_count=len(wanted) + len(rest), max_bytes=2**40)
    added = search.add((data.photos[number] for number in (*wanted, *rest)), gallery)
    if added.skipped:
        raise SystemExit(f"{added.skipped[0][0]} cannot be used: {added.skipped[0][1]}")
    queries = [shrink(query.photo.image()) for query in data.queries]
    return queries, gallery, list(added.ids[: len(wanted)])


def _figures(pairs: np.ndarray) -> dict[str, float]:
    """From the drops of explanations and of random places, `[N, 2]`."""
    own, others = pairs.T
    return {
        "drop": float(own.mean()),
        "random_drop": float(others.mean()),
        "better": float((own > others).mean()),
        "pairs": len(pairs),
    }
