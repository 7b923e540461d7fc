"""What a score says about two pictures: `python -m shared.retrieval.train grades`.

The probability that both show the same is learned from photos without labels. Each photo is changed as
another place and camera would change it, once, and once more for a view that is hard to know again
(`shared.retrieval.training.views`): their scores with the photo are right. Each photo's nearest other photo of
the same source is wrong, which is hard where a source holds things of one kind, such as flowers.

The words follow from it: with an even chance or more a match may be the same, and from the threshold of
`shared.retrieval.training.threshold` on it is very likely. How many searches for something that is not there reach
either is measured by that command, on groups of photos, so it must come after this one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core import weights
from shared.core.calibration import fit_probability
from shared.core.confidence import ConfidenceBand, ConfidenceBands
from shared.evaluation.reports import positive_int
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.engines import EXTRACTORS
from shared.retrieval.training.views import sample_view
from shared.training.datasets import ImageFile, read_images

LIKELY, MAYBE, ALIKE = "very likely the same", "may be the same", "looks alike only"


def grades(args: argparse.Namespace) -> Path:
    """Learns how probable a score makes it that two pictures show the same."""
    folder = weights.find(HEAD, folder=args.head)
    extractor = Extractor.load(args.engine, folder=args.weights, head=folder, device=args.device)
    right, wrong, names = [], [], []
    for source in args.photos:
        photos = read_images([source])
        if len(photos) < 2:
            raise ValueError(
                f"{source} holds {len(photos)} photo, but wrong answers need at least two photos"
            )
        chosen = np.random.default_rng(args.seed).permutation(len(photos))[: args.limit]
        found = answers(extractor, [photos[place] for place in chosen], args.views, args.seed)
        right.append(found[0])
        wrong.append(found[1])
        names.append(Path(source).stem)
    scale, offset = fit_probability(*(np.concatenate(group) for group in (right, wrong)))
    print(f"an even chance at a score of {-offset / scale:.3f}; the probability has the scale {scale:.2f}")
    weights.update_config(folder, probability=[scale, offset], probability_data=names)
    return folder


def answers(
    extractor: Extractor, photos: Sequence[ImageFile], views: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of right answers, two for each photo that is seen anew, and of one wrong answer for each photo.

    Args:
        extractor: Describes pictures.
        photos: At least two.
        views: How many of the photos are seen anew at most.
        seed: Of the changes.
    """
    base = np.stack([extractor(photo.image()) for photo in tqdm(photos, unit="photo", leave=False)])
    right = []
    for number, photo in enumerate(tqdm(photos[:views], unit="view", leave=False)):
        rng = np.random.default_rng([seed, number])
        near = sample_view(photo.image(), rng)
        right += [extractor(view) @ base[number] for view in (near, sample_view(near, rng))]
    others = base @ base.T
    np.fill_diagonal(others, -1)
    return np.array(right), others.max(1)


def graded(config: dict, least: float, wrong: np.ndarray, right: np.ndarray) -> ConfidenceBands | None:
    """The words and how often they are wrong; None where no probability was learned.

    Args:
        config: Of the descriptor.
        least: The threshold for a good match.
        wrong: The best wrong answer of each search, see `shared.retrieval.training.threshold.best_answers`.
        right: The best right answer of each.
    """
    if "probability" not in config:
        return None
    scale, offset = config["probability"]
    even = min(-offset / scale, least)
    steps = [
        ConfidenceBand(name, round(score, 4), float((wrong >= score).mean()), float((right >= score).mean()))
        for name, score in ((LIKELY, least), (MAYBE, even))
    ]
    return ConfidenceBands(tuple(steps), ALIKE, scale, offset)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.set_defaults(run=grades)
    parser.add_argument(
        "--photos",
        nargs="+",
        required=True,
        help="folders, ZIP archives or lists of photos; wrong answers are of the same one of them",
    )
    parser.add_argument("--head", metavar="FOLDER", help="the trained descriptor")
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="both", help="networks (%(default)s)")
    parser.add_argument(
        "--weights", nargs="+", metavar="FOLDER", help="weights of each network, if not the engine's own"
    )
    parser.add_argument("--limit", type=positive_int, default=300, metavar="N", help="of each (%(default)s)")
    parser.add_argument("--views", type=positive_int, default=100, metavar="N", help="of each (%(default)s)")
    parser.add_argument("--device", help="where the network runs; by default the best there is")
    parser.add_argument("--seed", type=int, default=0)
