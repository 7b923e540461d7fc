"""Calibration of the words for a hit: `python -m shared.retrieval.train wording`.

A visitor reads one wording over each group of hits. It follows from the cosine of two descriptors, and its
lowest score is chosen so that the hits under it are right often enough (`MIN_PRECISION`):

* "very likely the same" and "may be the same" on groups of images that show the same, such as INRIA Holidays;
* "looks alike" on classes of things, such as Caltech-101, where another image of the class is right.

Every image is a query. It is searched in random galleries of `GALLERY_SIZE` other images, every second of
which holds one right image. The scores are chosen on one half of the groups and of the classes, and the
figures in the `config.json` of the descriptor are those of the other half, as in
`shared.retrieval.benchmarks.wording`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.core import weights
from shared.core.calibration import ConfidenceBand, ConfidenceBands
from shared.core.image_files import ImageFile
from shared.retrieval.benchmarks.common import decode, describe
from shared.retrieval.data.class_sets import read_folders
from shared.retrieval.data.instances import read_holidays
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.training.arguments import add_extractor_arguments, add_seed_argument

LIKELY, POSSIBLE, SIMILAR, BELOW = (
    "very likely the same",
    "may be the same",
    "looks alike",
    "probably something else",
)
#: Lowest fraction of right hits under each wording.
MIN_PRECISION = {LIKELY: 0.95, POSSIBLE: 0.5, SIMILAR: 0.5}
GALLERY_SIZE = 100
GALLERIES = 3  # of each query with a right image, and as many without one
CLASS_IMAGES = 16  # of each class
STEP = 0.01  # between the scores that are tried


@dataclass(frozen=True, eq=False)
class LabelledDescriptors:
    """Descriptors of images in groups.

    Attributes:
        rows: Descriptors of unit length, float32 `[N, D]`.
        labels: Number of the group of each image, int64 `[N]`.
    """

    rows: np.ndarray
    labels: np.ndarray

    def half(self, number: int) -> np.ndarray:
        """Return the indices of the images in every second group, int64 `[M]`.

        Args:
            number: 0 for the groups with even numbers, 1 for the others.
        """
        return np.flatnonzero(self.labels % 2 == number)


@dataclass(frozen=True, eq=False)
class Searches:
    """Hits of many searches.

    Attributes:
        scores: Cosine of each hit, float64 `[searches, gallery]`.
        right: True for hits of the query's group, bool `[searches, gallery]`.
    """

    scores: np.ndarray
    right: np.ndarray

    def precision(self, low: float, high: float = np.inf) -> float:
        """Return the fraction of right hits among those from `low` to below `high`; NaN without hits."""
        chosen = (self.scores >= low) & (self.scores < high)
        return float(self.right[chosen].mean()) if chosen.any() else float("nan")

    def recall(self, low: float, high: float = np.inf) -> float:
        """Return the fraction of right images whose score is `low` to below `high`."""
        scores = self.scores[self.right]
        return float(((scores >= low) & (scores < high)).mean())

    def false_accept_rate(self, low: float) -> float:
        """Return the fraction of searches without a right image whose best hit reaches `low`."""
        best = self.scores[~self.right.any(1)].max(1)
        return float((best >= low).mean())


def simulate_searches(
    data: LabelledDescriptors, half: int, *, size: int = GALLERY_SIZE, repeats: int = GALLERIES, seed: int = 0
) -> Searches:
    """Search for each image of a half in random galleries of images of all groups.

    Args:
        data: Images.
        half: See `LabelledDescriptors.half`.
        size: Images of a gallery.
        repeats: Galleries of each query with a right image, and as many without one.
        seed: Seed of the galleries.

    Raises:
        ValueError: No image of the half has another one of its group.
    """
    rng, scores, right = np.random.default_rng(seed), [], []
    for query in data.half(half):
        is_same = data.labels == data.labels[query]
        others, same = np.flatnonzero(~is_same), np.flatnonzero(is_same)
        same = same[same != query]
        if not len(same):
            continue
        for repeat in range(2 * repeats):
            gallery = rng.choice(others, min(size, len(others)), replace=False)
            if repeat % 2:
                gallery[0] = rng.choice(same)
            scores.append(data.rows[gallery] @ data.rows[query])
            right.append(is_same[gallery])
    if not scores:
        raise ValueError("the calibration needs groups of at least two images in both halves")
    return Searches(np.array(scores, np.float64), np.array(right))


def choose_score(searches: Searches, min_precision: float, high: float = np.inf) -> float:
    """Return the lowest score below which fewer hits than a given fraction are right.

    Args:
        searches: Searches.
        min_precision: That fraction; the hits from the score on to below `high` reach it.
        high: Lowest score of the wording above.
    """
    top = min(high, 1.0)
    candidates = np.round(np.arange(top - STEP, 0, -STEP), 4)
    passed = [score for score in candidates if searches.precision(score, high) >= min_precision]
    return float(min(passed, default=top))


def choose_bands(same: Searches, kinds: Searches) -> dict[str, float]:
    """Return the lowest score of each wording.

    Args:
        same: Searches where an image of the same thing is right.
        kinds: Searches where an image of the same kind of thing is right.
    """
    likely = choose_score(same, MIN_PRECISION[LIKELY])
    possible = choose_score(same, MIN_PRECISION[POSSIBLE], likely)
    similar = choose_score(kinds, MIN_PRECISION[SIMILAR], possible)
    return {LIKELY: likely, POSSIBLE: possible, SIMILAR: similar}


def measure_bands(
    scores: dict[str, float], same: Searches, kinds: Searches, probability: tuple[float, float]
) -> ConfidenceBands:
    """Return the bands with their measured figures.

    Args:
        scores: From `choose_bands`.
        same: See `choose_bands`; images that played no part there.
        kinds: Likewise.
        probability: Scale and offset of the match probability.
    """
    bands, high = [], np.inf
    for name, low in scores.items():
        searches = kinds if name == SIMILAR else same
        rates = searches.false_accept_rate(low), searches.recall(low)
        precision = searches.precision(low, high)
        known = None if np.isnan(precision) else precision
        bands.append(ConfidenceBand(name, low, *rates, precision=known))
        high = low
    return ConfidenceBands(tuple(bands), BELOW, *probability)


def read_descriptors(
    extractor: Extractor, same: Path, kinds: Path
) -> tuple[LabelledDescriptors, LabelledDescriptors]:
    """Describe INRIA Holidays, and some images of each class of a folder of classes.

    Args:
        extractor: Extractor of descriptors.
        same: Folder of INRIA Holidays.
        kinds: Folder with a folder of images for each class.

    Raises:
        FileNotFoundError: A folder holds no such images.
    """
    photos, parts = read_holidays(same).images, read_folders(kinds, CLASS_IMAGES)
    groups = np.unique([photo.name[:4] for photo in photos], return_inverse=True)[1]
    things = [image for part in parts for image in part.images]
    targets = np.concatenate([part.targets for part in parts])

    def described(images: Sequence[ImageFile], labels: np.ndarray) -> LabelledDescriptors:
        rows = describe(extractor, {HEAD: extractor.head}, decode(images))[HEAD]
        return LabelledDescriptors(rows, labels)

    return described(photos, groups), described(things, targets)


def calibrate_wording(args: argparse.Namespace) -> Path:
    """Choose and measure the bands and write them into the configuration of the descriptor."""
    folder = weights.find(HEAD, folder=args.head)
    config = weights.read_config(folder)
    if "probability" not in config:
        raise ValueError("the command `confidence` comes first: it fits the match probability")
    extractor = Extractor.load(args.engine, folder=args.weights, head=folder, device=args.device)
    same, kinds = read_descriptors(extractor, args.data, args.classes)
    scores = choose_bands(*(simulate_searches(part, 0, seed=args.seed) for part in (same, kinds)))
    bands = measure_bands(
        scores,
        simulate_searches(same, 1, seed=args.seed),
        simulate_searches(kinds, 1, seed=args.seed),
        config["probability"],
    )
    for band in bands.bands:
        share = "no hits" if band.precision is None else f"{band.precision:.3f} right"
        print(f"{band.name} from {band.min_score:.2f} on: {share}")
    first = bands.bands[0]
    weights.update_config(
        folder,
        threshold=first.min_score,
        false_accepts=first.false_accept_rate,
        true_accepts=first.true_accept_rate,
        threshold_data=[str(args.data.name), str(args.classes.name)],
        **bands.as_config(),
    )
    return folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=calibrate_wording)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="root folder of Holidays")
    add_class_argument(parser)
    parser.add_argument("--head", metavar="FOLDER", help="the trained descriptor")
    add_extractor_arguments(parser)
    add_seed_argument(parser)


def add_class_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the folder of classes."""
    parser.add_argument(
        "--classes",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with a folder of images for each class, such as Caltech-101",
    )
