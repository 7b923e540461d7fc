"""Training of the visual words of DeepIndex: `python -m shared.retrieval.train words`.

It needs unlabelled images, none of a benchmark, and the trained descriptor: its sizes, pooling and whitening
are those of the patches and of the signature, so that one pass of the network serves both searches. Learn the
words again whenever the descriptor changes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core.image_files import read_images
from shared.evaluation.reports import positive_int
from shared.retrieval.deepindex.patches import GRID, Bag, compute_bag, patch_grid
from shared.retrieval.deepindex.vocabulary import SearchSettings
from shared.retrieval.descriptor.backbones import CHANNELS
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.training.arguments import (
    add_extractor_arguments,
    add_image_arguments,
    add_seed_argument,
)
from shared.retrieval.training.codebooks import CodebookSettings, fit_vocabulary


def train_words(args: argparse.Namespace) -> Path:
    """Learn the vocabulary of an index and write its weight folder."""
    if len(args.words) != len(args.levels):
        raise SystemExit(f"give a number of words for each of {', '.join(args.levels)}, not {args.words}")
    extractor = Extractor.load(args.engine, folder=args.weights, head=args.head, device=args.device)
    head = extractor.head
    if not set(args.levels) <= set(head.levels):
        raise SystemExit(f"the levels must be some of {', '.join(head.levels)}, which the descriptor sees")
    images = read_images(args.photos)
    order = np.random.default_rng(args.seed).permutation(len(images))[: args.limit]
    boxes, power = patch_grid(args.grid, args.overlap), args.power or head.power
    bags = []
    for index in tqdm(order, unit="photo"):
        maps = extractor.maps(images[index].image(), head.sizes[0], head.levels)
        bag = compute_bag(maps, boxes, power)
        # the other levels serve the signature only
        bags.append(Bag(boxes, {level: bag.features[level] for level in args.levels}, bag.whole))
    vocabulary = fit_vocabulary(
        bags,
        dict(zip(args.levels, args.words, strict=True)),
        CodebookSettings(dims=args.dims, bits=args.bits, seed=args.seed),
        power=power,
        signature_bits=args.signature_bits,
        whole=head.whitening(),
    ).rounded()
    settings = SearchSettings(tuple(args.assignments), args.sigma, args.signature)
    vocabulary = replace(vocabulary, size=head.sizes[0], settings=settings)
    return vocabulary.save(
        args.out, engine=args.engine, network=extractor.network_digest, levels=args.levels, photos=len(bags)
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=train_words)
    add_image_arguments(parser)
    add_extractor_arguments(parser)
    add_seed_argument(parser)
    parser.add_argument("--head", metavar="FOLDER", help="the trained descriptor")
    parser.add_argument(
        "--limit", type=positive_int, default=3000, metavar="N", help="largest number of photos (%(default)s)"
    )
    parser.add_argument(
        "--levels",
        nargs="+",
        choices=list(CHANNELS),
        default=["mid-lite", "high-v1"],
        help="one or two levels of the network",
    )
    parser.add_argument(
        "--words", nargs="+", type=positive_int, default=[300, 300], help="number of words of each level"
    )
    parser.add_argument(
        "--grid", nargs="+", type=positive_int, default=list(GRID), help="patches along a side"
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=0.5,
        help="overlap of patches, as a fraction of their side (%(default)s)",
    )
    parser.add_argument("--power", type=float, help="power of the patches' means (the descriptor's)")
    parser.add_argument(
        "--dims", type=positive_int, default=128, help="dimensions of a whitened patch (%(default)s)"
    )
    parser.add_argument(
        "--bits", type=int, default=64, help="bits of a patch's code at each level (%(default)s)"
    )
    parser.add_argument(
        "--signature-bits", type=int, default=1024, help="bits of an image's signature (%(default)s)"
    )
    default = SearchSettings()
    parser.add_argument(
        "--assignments",
        nargs="+",
        type=positive_int,
        default=default.assignments,
        help="words for each patch of a query, level by level (%(default)s)",
    )
    parser.add_argument(
        "--sigma",
        type=float,
        default=default.sigma,
        help="width of the votes, in bits (%(default)s)",
    )
    parser.add_argument(
        "--signature", type=float, default=default.signature, help="weight of the signature (%(default)s)"
    )
