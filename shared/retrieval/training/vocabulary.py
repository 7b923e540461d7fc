"""Learns the words of DeepIndex: `python -m shared.retrieval.train words --photos PHOTOS --out FOLDER`.

The photos need no labels, and must not be those of a benchmark. The trained descriptor must be there: its
sizes, its pooling and its whitening are those of the patches and of the global signature, so that one pass of
the network serves both searches. Learn the words anew whenever the descriptor changes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.evaluation.reports import positive_int
from shared.retrieval.deepindex import vocabulary
from shared.retrieval.deepindex.index import Settings
from shared.retrieval.deepindex.patches import Bag, bag, grid
from shared.retrieval.descriptor.extractor import Extractor, network_digest, network_folders
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.levels import CHANNELS
from shared.retrieval.descriptor.whitening import Whitening
from shared.retrieval.training.arguments import add_network_options
from shared.training.datasets import read_images


def words(args: argparse.Namespace) -> Path:
    """Learns the vocabulary of an index and writes its weight folder."""
    if len(args.words) != len(args.levels):
        raise SystemExit(f"give a number of words for each of {', '.join(args.levels)}, not {args.words}")
    extractor = Extractor.load(args.engine, folder=args.weights, head=args.head, device=args.device)
    head = extractor.head
    if not set(args.levels) <= set(head.levels):
        raise SystemExit(f"the levels must be some of {', '.join(head.levels)}, which the descriptor sees")
    photos = read_images(args.photos)
    order = np.random.default_rng(args.seed).permutation(len(photos))[: args.limit]
    boxes, power = grid(args.grid, args.overlap), args.power or head.power
    bags = []
    for index in tqdm(order, unit="photo"):
        found = bag(extractor.maps(photos[index].image(), head.sizes[0], head.levels), boxes, power)
        # the other levels are of use to the whole picture only
        bags.append(Bag(boxes, {level: found.features[level] for level in args.levels}, found.whole))
    learned = vocabulary.learn(
        bags,
        dict(zip(args.levels, args.words, strict=True)),
        power=power,
        dims=args.dims,
        bits=args.bits,
        signature_bits=args.signature_bits,
        whole=_whitening(head),
        seed=args.seed,
    ).rounded()
    digest = network_digest(*network_folders(args.engine, args.weights))
    return learned.save_folder(
        args.out,
        engine=args.engine,
        network=digest,
        levels=args.levels,
        size=head.sizes[0],
        photos=len(bags),
        settings={"assignments": args.assignments, "sigma": args.sigma, "signature": args.signature},
    )


def _whitening(head: DescriptorHead) -> Whitening | None:
    """That of a trained descriptor, as far as the signature of a picture sees the same pooled vectors."""
    if not len(head.projection):
        return None
    return Whitening(head.mean.cpu().numpy(), head.projection.cpu().numpy())


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.set_defaults(run=words)
    add_network_options(parser, engine="both")
    parser.add_argument("--head", metavar="FOLDER", help="the trained descriptor")
    parser.add_argument("--limit", type=positive_int, default=3000, metavar="N", help="photos (%(default)s)")
    parser.add_argument(
        "--levels", nargs="+", choices=list(CHANNELS), default=["mid-lite", "high-v1"], help="one or two"
    )
    parser.add_argument("--words", nargs="+", type=positive_int, default=[300, 300], help="of each level")
    parser.add_argument(
        "--grid", nargs="+", type=positive_int, default=[1, 2, 3], help="patches along a side"
    )
    parser.add_argument("--overlap", type=float, default=0.5, help="of patches, of their side (%(default)s)")
    parser.add_argument("--power", type=float, help="of the patches' means (the descriptor's)")
    parser.add_argument("--dims", type=positive_int, default=128, help="of a whitened patch (%(default)s)")
    parser.add_argument("--bits", type=int, default=64, help="of a patch at each level (%(default)s)")
    parser.add_argument("--signature-bits", type=int, default=1024, help="of a picture (%(default)s)")
    usual = Settings()
    parser.add_argument(
        "--assignments",
        nargs="+",
        type=positive_int,
        default=usual.assignments,
        help="words for each patch of a query, level by level (%(default)s)",
    )
    parser.add_argument("--sigma", type=float, default=usual.sigma, help="of the votes, bits (%(default)s)")
    parser.add_argument(
        "--signature", type=float, default=usual.signature, help="weight of the signature (%(default)s)"
    )
    parser.add_argument("--device", help="where the network runs; by default the best there is")
    parser.add_argument("--seed", type=int, default=0)
