"""Fit of the familiarity of inputs: `python -m shared.translation.train familiarity`.

A direction's training data are the images that it starts from; other images are those of the other side,
photos of anything, and noise. The result is written into the configuration of weight folders.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core import weights
from shared.core.image_files import ImageFile, read_images
from shared.translation.data.pairs import read_pairs
from shared.translation.familiarity import FamiliarityModel, describe
from shared.translation.tasks import DIRECTIONS, TASKS, Direction

MAX_PAIRS = 800
NOISE_IMAGES = 300


def describe_pairs(set_name: str, root: Path, split: str) -> dict[Direction, np.ndarray]:
    """Return the descriptors of the images that each direction starts from, `[N, D]`."""
    sources = read_pairs(TASKS[set_name], root, split)
    pairs = [source() for source in sources[:: -(-len(sources) // MAX_PAIRS)]]
    return {
        "forward": np.stack([describe(pair.first) for pair in pairs]),
        "backward": np.stack([describe(pair.second) for pair in pairs]),
    }


def noise_images(count: int, seed: int) -> Iterator[Image.Image]:
    """Generate RGB images of noise, grey or colored, with grains from a 256th to a quarter of the width.

    Args:
        count: Number of images.
        seed: Seed of the noise.
    """
    random = np.random.default_rng(seed)
    for _ in range(count):
        side, channels = round(2 ** random.uniform(2, 8)), random.choice([1, 3])
        if random.random() < 0.5:
            levels = random.random((side, side, channels))
        else:
            levels = random.normal(
                random.uniform(0.2, 0.8), random.uniform(0.05, 0.5), (side, side, channels)
            )
        pixels = (np.broadcast_to(levels, (side, side, 3)).clip(0, 1) * 255).astype(np.uint8)
        resample = random.choice([Image.Resampling.NEAREST, Image.Resampling.BICUBIC])
        yield Image.fromarray(pixels).resize((256, 256), resample)


def fit_models(
    set_name: str, root: Path, photos: Sequence[ImageFile]
) -> tuple[dict[Direction, FamiliarityModel], dict[str, float]]:
    """Fit the models of both directions of a set, and measure them on images that they were not fitted to.

    Args:
        set_name: Name of a row of `TASKS`.
        root: Folder of its data set.
        photos: Photos of anything; the models are fitted to every other one.

    Returns:
        The models, and the fractions of images with a familiarity of at least 0.5: of test images of each
        direction, of those of the other side, of photos of anything, and of noise.
    """
    training, test = (describe_pairs(set_name, root, split) for split in ("train", "test"))
    photo_descriptors = np.stack([describe(file.image()) for file in photos])
    noise, test_noise = (
        np.stack([describe(image) for image in noise_images(NOISE_IMAGES, seed)]) for seed in (0, 1)
    )
    models, figures = {}, {}
    for direction in DIRECTIONS:
        opposite = DIRECTIONS[1 - DIRECTIONS.index(direction)]
        others = np.concatenate([training[opposite], photo_descriptors[::2], noise])
        model = FamiliarityModel.fit(training[direction], others)
        models[direction] = model
        for name, rows in (
            ("test images", test[direction]),
            ("images of the other side", test[opposite]),
            ("photos of anything", photo_descriptors[1::2]),
            ("noise", test_noise),
        ):
            figures[f"{direction}, {name}"] = float(np.mean([model.score(row) >= 0.5 for row in rows]))
    return models, figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit from the command line, and print the fractions of accepted images."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.translation.train familiarity",
        description="Fit the out-of-distribution score of a set's inputs.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the data set")
    add("--set", choices=sorted(TASKS), required=True)
    add("--photos", type=Path, nargs="+", required=True, help="photos of anything, see `read_images`")
    add("--limit", type=int, default=1200, help="number of these photos (%(default)s)")
    add("--weights", type=Path, nargs="*", default=[], metavar="DIR", help="folders that get the result")
    args = parser.parse_args(arguments)
    models, figures = fit_models(args.set, args.data, read_images(args.photos)[: args.limit])
    for name, fraction in figures.items():
        print(f"familiarity of at least 0.5, {name}: {fraction:.3f}")
    for folder in args.weights:
        weights.update_config(
            folder, familiarity={direction: model.as_dict() for direction, model in models.items()}
        )
