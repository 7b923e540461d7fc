"""Training of a whitening for DINOv2's descriptors: `python -m shared.retrieval.train hub-whitening`.

It needs unlabelled images, none of a benchmark, and the network, which is downloaded. PCA whitening is fitted
to the descriptors of nine tenths of the images; with the others and another view of each, the command prints
the recall before and after. The result serves this version of the network alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core import weights
from shared.core.hub_networks.fitted import network_keys
from shared.core.image_files import read_images
from shared.evaluation.reports import positive_int
from shared.retrieval.descriptor.whitening import fit_pca
from shared.retrieval.engines import DINOV2, ENGINES
from shared.retrieval.hub.dinov2 import Dinov2Descriptor
from shared.retrieval.hub.whitening import HubWhitening
from shared.retrieval.training.arguments import add_image_arguments, add_seed_argument
from shared.retrieval.training.whitening import describe_pairs, pair_recall


def train_hub_whitening(args: argparse.Namespace) -> Path:
    """Fit a whitening, print the recall of held-out pairs, and write the weight folder.

    Raises:
        SystemExit: There are too few images for the dimensions, or the shrinkage is out of range.
    """
    engine = ENGINES[args.engine]
    descriptor = Dinov2Descriptor.load(engine, folder=args.network, device=args.device)
    images = read_images(args.photos)
    order = np.random.default_rng(args.seed).permutation(len(images))[: args.limit]
    held_out, training = np.split(order, [len(order) // 10])
    described = [descriptor([images[index].image()])[0] for index in tqdm(training, unit="image")]
    if not described:
        raise SystemExit("There are no photos to learn from: check --photos.")
    rows = np.stack(described)
    try:
        whitening = fit_pca(rows, args.dims, args.shrinkage)
    except ValueError as error:
        raise SystemExit(f"The whitening cannot be fitted: {error}.") from error
    network = HubWhitening(rows.shape[1], args.dims)
    network.whiten(whitening)
    if len(held_out):
        pairs = describe_pairs(descriptor, [images[index] for index in held_out], args.seed)
        whitened = whitening.apply(pairs.reshape(-1, rows.shape[1])).reshape(len(pairs), 2, -1)
        before, after = pair_recall(pairs), pair_recall(whitened)
        print(f"recall@1 of {len(pairs)} held-out pairs: {before:.3f} before, {after:.3f} whitened")
    return weights.save(network, args.out, config=network_keys(engine, descriptor.files.folder))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=train_hub_whitening)
    add_image_arguments(parser)
    add_seed_argument(parser)
    add = parser.add_argument
    add("--engine", choices=[DINOV2], default=DINOV2, help="engine of the Hub (%(default)s)")
    add("--network", metavar="FOLDER", help="snapshot of its repository, if it is not to be downloaded")
    add("--device", help="device of the network; by default the best available")
    add(
        "--limit", type=positive_int, default=5000, metavar="N", help="largest number of photos (%(default)s)"
    )
    add("--dims", type=positive_int, default=512, help="dimensions of the descriptor (%(default)s)")
    add("--shrinkage", type=float, default=0.1, help="shrinkage of the covariance, 0..1 (%(default)s)")
