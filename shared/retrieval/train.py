"""Trains what retrieval learns: `python -m shared.retrieval.train whitening --photos PHOTOS --out FOLDER`.

`whitening` makes the weight folder of `shared.retrieval.descriptor.head.DescriptorHead`. It needs photos without labels,
which must not be those of a benchmark: each is described as it is and as it would look from another place,
and the whitening learns what to overlook. Train it anew whenever the network's weights change.

`grades` and then `threshold` tell the descriptor how sure a score is (`shared.retrieval.training.confidence`), and when
nothing it finds is a good match (`shared.retrieval.training.threshold`); `words` makes the vocabulary of DeepIndex
(`shared.retrieval.training.vocabulary`), and `network` the weights of the networks (`shared.retrieval.training.distillation`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core import weights
from shared.evaluation.reports import positive_int
from shared.retrieval.descriptor.extractor import Extractor, network_digest, network_folders
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.levels import CHANNELS, engine_levels
from shared.retrieval.descriptor.pooling import POOLINGS
from shared.retrieval.descriptor.whitening import Whitening, fit_pairs, fit_pca
from shared.retrieval.training import confidence, distillation, threshold, vocabulary
from shared.retrieval.training.arguments import add_network_options
from shared.retrieval.training.views import sample_view
from shared.training.datasets import read_images


def whitening(args: argparse.Namespace) -> Path:
    """Learns a whitening, tells how well it finds pairs that are new to it, and writes the weight folder."""
    recipe = {
        "levels": args.levels or engine_levels(args.engine),
        "pooling": args.pooling,
        "power": args.power,
        "root": args.root,
        "sizes": args.sizes,
    }
    plain, head = DescriptorHead(**recipe), DescriptorHead(**recipe, dims=args.dims)
    extractor = Extractor.load(args.engine, folder=args.weights, head=plain, device=args.device)
    weight = level_weights(plain, args.shares)
    photos = read_images(args.photos)
    rng = np.random.default_rng(args.seed)
    chosen = [photos[index] for index in rng.permutation(len(photos))[: args.limit]]
    pairs = np.stack(
        [
            extractor.batch(pair(photo.image(), np.random.default_rng([args.seed, number])))
            for number, photo in enumerate(tqdm(chosen, unit="pair"))
        ]
    )
    pairs *= weight
    aside = len(pairs) // 10  # every tenth pair shows what the whitening is worth on others
    seen, unseen = pairs[aside:], pairs[:aside]
    if args.kind == "pairs":
        learned = fit_pairs(seen[:, 0], seen[:, 1], args.dims, args.shrinkage)
    else:
        learned = fit_pca(seen.reshape(-1, plain.length), args.dims, args.shrinkage)
    head.whiten(Whitening(learned.mean / weight, learned.projection * weight))
    if aside:
        both = learned.apply(unseen.reshape(-1, plain.length)).reshape(aside, 2, -1)
        print(f"of {aside} pairs kept aside: {found(unseen):.3f} found before, {found(both):.3f} whitened")
    digest = network_digest(*network_folders(args.engine, args.weights))
    return weights.save(head, args.out, config={"engine": args.engine, "network": digest})


def level_weights(head: DescriptorHead, shares: Sequence[float] | None) -> np.ndarray:
    """What every number of a head's pooled vector is multiplied by, so that each level gets its share.

    The whole stays of length 1. What follows is linear, so that a whitening takes the weights over.

    Args:
        head: Without whitening.
        shares: Length of each level's part in relation to the others; None for equal ones.

    Returns:
        float32 `[head.length]`.

    Raises:
        ValueError: There is not one share above 0 for each level.
    """
    shares = np.ones(len(head.levels)) if shares is None else np.array(shares)
    if len(shares) != len(head.levels) or shares.min() <= 0:
        raise ValueError(f"give a share above 0 for each of {', '.join(head.levels)}, received {shares}")
    shares = shares * np.sqrt(len(shares) / (shares**2).sum())
    return np.repeat(shares, [CHANNELS[level] for level in head.levels]).astype(np.float32)


def pair(photo: Image.Image, rng: np.random.Generator) -> list[Image.Image]:
    """A photo as it is, and from another place."""
    return [photo, sample_view(photo, rng)]


def found(pairs: np.ndarray) -> float:
    """Share of the second views whose nearest first view is that of the same photo.

    Args:
        pairs: `[N, 2, D]`, of length 1.
    """
    return float(np.mean((pairs[:, 1] @ pairs[:, 0].T).argmax(1) == np.arange(len(pairs))))


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run one of the trainings from the command line; returns the weight folder."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.retrieval.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("whitening", help=whitening.__doc__)
    one.set_defaults(run=whitening)
    add_network_options(one, engine="cfn")
    one.add_argument("--limit", type=positive_int, default=1500, metavar="N", help="photos (%(default)s)")
    one.add_argument("--levels", nargs="+", choices=list(CHANNELS), help="(all of the network)")
    one.add_argument(
        "--shares", nargs="+", type=float, metavar="S", help="length of each level's part (all equal)"
    )
    one.add_argument("--pooling", choices=list(POOLINGS), default="gem", help="(%(default)s)")
    one.add_argument("--power", type=float, default=3.0, help="of GeM (%(default)s)")
    one.add_argument("--root", type=float, default=1.0, help="power normalisation (%(default)s: none)")
    one.add_argument("--sizes", nargs="+", type=positive_int, default=[320], help="longer sides, in pixels")
    one.add_argument("--dims", type=positive_int, default=512, help="of the descriptor (%(default)s)")
    one.add_argument("--kind", choices=("pairs", "pca"), default="pairs", help="(%(default)s)")
    one.add_argument("--shrinkage", type=float, default=0.1, help="of the covariance, 0..1 (%(default)s)")
    one.add_argument("--device", help="where the network runs, such as cuda; by default the best there is")
    one.add_argument("--seed", type=int, default=0)

    confidence.add_options(commands.add_parser("grades", help=confidence.grades.__doc__))
    threshold.add_options(commands.add_parser("threshold", help=threshold.threshold.__doc__))
    vocabulary.add_options(commands.add_parser("words", help=vocabulary.words.__doc__))

    one = commands.add_parser("network", help=distillation.network.__doc__)
    one.set_defaults(run=distillation.network)
    one.add_argument("--out", type=Path, required=True, help="folder of the run; continues what lies there")
    one.add_argument(
        "--network", choices=list(distillation.NETWORKS), default="mobilenet", help="(%(default)s)"
    )
    one.add_argument(
        "--start", type=Path, help="MobileNetV1 for ImageNet (tflite), or weights; others come as packages"
    )
    one.add_argument(
        "--photos", nargs="+", required=True, help="folders, ZIP archives, photos or lists of these"
    )
    one.add_argument("--same", nargs="+", help="photos of which those in one folder show the same")
    one.add_argument(
        "--same-count", type=int, default=0, metavar="N", help="pairs of these in a batch (%(default)s)"
    )
    one.add_argument("--aside", nargs="+", required=True, help="other photos, which only tell how it went")
    one.add_argument("--aside-limit", type=positive_int, default=100, metavar="N", help="(%(default)s)")
    one.add_argument("--steps", type=positive_int, default=110, help="of the schedule (%(default)s)")
    one.add_argument("--until", type=positive_int, metavar="STEP", help="end before the schedule does")
    one.add_argument("--batch", type=positive_int, default=8)
    one.add_argument("--sizes", nargs="+", type=positive_int, help="longer sides to draw from, in pixels")
    one.add_argument("--pooling", choices=list(POOLINGS), default="gem", help="(%(default)s)")
    one.add_argument("--rate", type=float, default=5e-5, help="learning rate (%(default)s)")
    one.add_argument("--contrast", type=float, default=0.5, help="weight of the copies (%(default)s)")
    one.add_argument("--share", type=float, default=1.0, help="of the trained network (%(default)s)")
    one.add_argument("--device", default="cpu")
    one.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    return args.run(args)


if __name__ == "__main__":
    main()
