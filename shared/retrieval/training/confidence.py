"""Calibration of match probabilities: `python -m shared.retrieval.train confidence`.

The probability that two images show the same is fitted to scores of unlabelled images. The scores of an
image with a view of it, and with a harder view of that view, are positive
(`shared.retrieval.training.augmentation`); its score with the nearest other image of the same source is
negative, which is hard where a source holds one kind of thing, such as flowers.

The wordings of hits follow from the scores alone, see `shared.retrieval.training.wording`, which comes next.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core import weights
from shared.core.calibration import fit_probability
from shared.core.image_files import ImageFile, read_images
from shared.evaluation.reports import positive_int
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.training.arguments import add_extractor_arguments, add_seed_argument
from shared.retrieval.training.augmentation import sample_view


def calibrate_confidence(args: argparse.Namespace) -> Path:
    """Fit the match probability of scores and write it into the configuration of the descriptor."""
    folder = weights.find(HEAD, folder=args.head)
    extractor = Extractor.load(args.engine, folder=args.weights, head=folder, device=args.device)
    positive, negative, names = [], [], []
    for source in args.photos:
        images = read_images([source])
        if len(images) < 2:
            raise ValueError(
                f"{source} holds {len(images)} photo, but wrong answers need at least two photos"
            )
        order = np.random.default_rng(args.seed).permutation(len(images))[: args.limit]
        source_images = [images[index] for index in order]
        matches, mismatches = sample_scores(extractor, source_images, args.views, args.seed)
        positive.append(matches)
        negative.append(mismatches)
        names.append(Path(source).stem)
    scale, offset = fit_probability(np.concatenate(positive), np.concatenate(negative))
    print(f"even odds at a score of {-offset / scale:.3f}; the probability has the scale {scale:.2f}")
    weights.update_config(folder, probability=[scale, offset], probability_data=names)
    return folder


def sample_scores(
    extractor: Extractor, images: Sequence[ImageFile], views: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute scores of matches and of mismatches.

    Args:
        extractor: Extractor of descriptors.
        images: At least two images.
        views: Largest number of images of which views are sampled.
        seed: Seed of the views.

    Returns:
        Two scores of matches for each image with views, and one of a mismatch for each image.
    """
    base = np.stack([extractor(image.image()) for image in tqdm(images, unit="photo", leave=False)])
    matches = []
    for number, image in enumerate(tqdm(images[:views], unit="view", leave=False)):
        rng = np.random.default_rng([seed, number])
        view = sample_view(image.image(), rng)
        matches += [extractor(sample) @ base[number] for sample in (view, sample_view(view, rng))]
    similarity = base @ base.T
    np.fill_diagonal(similarity, -1)
    return np.array(matches), similarity.max(1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=calibrate_confidence)
    parser.add_argument(
        "--photos",
        nargs="+",
        required=True,
        help="folders, ZIP archives or lists of photos; mismatches are of the same one of them",
    )
    parser.add_argument("--head", metavar="FOLDER", help="the trained descriptor")
    add_extractor_arguments(parser)
    add_seed_argument(parser)
    parser.add_argument(
        "--limit",
        type=positive_int,
        default=300,
        metavar="N",
        help="photos of each folder or list (%(default)s)",
    )
    parser.add_argument(
        "--views",
        type=positive_int,
        default=100,
        metavar="N",
        help="photos of each with sampled views (%(default)s)",
    )
