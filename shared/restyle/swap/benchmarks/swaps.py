"""Quality of outfit swaps on Clothing Co-Parsing, beside baselines without a network.

    python -m shared.restyle.benchmark swapgan --data CCP

Labels and joints are those of the data set, so that the networks of parsing and pose do not count.

* Self-swaps have a truth: the source is the same person in another shape, and the garments of the reference
  have other colors or another texture. `self_SSIM` is the structural similarity to the true photo inside the
  garments, `self_feature_distance` the cosine distance of the whole frames in the features of
  `recognition-plain`.
* Swaps of two people have none. `color_distance` and `pattern_distance` compare the result's garments with
  those of the source, `kernel_distance` all results with the true photos of the other split, in the same
  features (a set distance, lower for results that look like photos).
  `outside_difference` is the mean difference from the reference outside the garments, in levels of 0..255.
* `ms` is the time of a swap from the two frames on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from tqdm import tqdm

from shared.core import weights
from shared.core.images import to_image
from shared.evaluation import reports
from shared.evaluation.features import FeatureNetwork, cosine_distance, kernel_distance
from shared.networks.swapgan import SwapGAN
from shared.restyle.oklab import oklab_from_pixels, pixels_from_oklab
from shared.restyle.parsing.classes import class_index
from shared.restyle.swap.benchmarks.measures import (
    color_distance,
    masked_similarity,
    outside_difference,
    pattern_distance,
)
from shared.restyle.swap.ccp import read_figures
from shared.restyle.swap.fabric import Swap, pair_garments, visible_garments, warp_fabric
from shared.restyle.swap.figure import HEIGHT, WIDTH, Figure
from shared.restyle.swap.inputs import make_inputs
from shared.restyle.swap.swapper import WEIGHTS
from shared.restyle.swap.training.augment import SOURCE, change_fabric, change_shape

_OTHER_SPLIT = {"test": "val", "val": "test"}
MODULE = "shared.restyle.benchmark swapgan"

#: Maps a swap to the image of the reference in new garments, uint8 `[H, W, 3]`.
SwapFunction: TypeAlias = Callable[[Swap], np.ndarray]


def no_change(swap: Swap) -> np.ndarray:
    """Return the reference as it is."""
    return swap.reference.image


def mean_color(swap: Swap) -> np.ndarray:
    """Return the reference with the mean color of the source's garment on each of its garments."""
    image = swap.reference.image.copy()
    for garment in swap.pairs:
        mask = swap.reference.mask(class_index(garment))
        lab = oklab_from_pixels(image[mask])
        aim = oklab_from_pixels(swap.source.image[swap.source_mask(garment)])
        lab += aim.mean(1, keepdim=True) - lab.mean(1, keepdim=True)
        lab[0].clamp_(0, 1)
        image[mask] = pixels_from_oklab(lab)
    return image


def warp_only(swap: Swap) -> np.ndarray:
    """Return the reference with the source's fabric, warped by the pose, on its garments."""
    image = swap.reference.image.copy()
    mask = swap.mask
    image[mask] = np.rint(warp_fabric(swap)[mask][:, :3] * 255).astype(np.uint8)
    return image


def network_function(network: SwapGAN) -> SwapFunction:
    """Return the result of a network as a function of swaps."""

    @torch.inference_mode()
    def function(swap: Swap) -> np.ndarray:
        image = network(make_inputs(swap, pose=network.pose)).image[0]
        return np.asarray(to_image(image.add(1).div(2)))

    return function


def self_swaps(figures: Sequence[Figure], seed: int = 0) -> list[tuple[Swap, np.ndarray]]:
    """Return a swap of each person with themselves, and the true image.

    Args:
        figures: People; those without a garment that can be swapped are left out.
        seed: Seed of the changes.
    """
    swaps = []
    for index, figure in enumerate(figures):
        rng = np.random.default_rng([seed, index])
        source = change_shape(figure, SOURCE, (WIDTH, HEIGHT), rng)
        pairs = pair_garments(figure, source, visible_garments(figure))
        if pairs:
            donor = figures[(index + 1) % len(figures)]
            changed = replace(figure, image=change_fabric(figure, list(pairs), donor, rng))
            swaps.append((Swap(changed, source, pairs), figure.image))
    return swaps


def pair_swaps(figures: Sequence[Figure], seed: int = 0) -> list[Swap]:
    """Return a swap of each person with another one, drawn at random, if there is one."""
    order = np.random.default_rng(seed).permutation(len(figures))
    swaps = []
    for first, second in zip(order, np.roll(order, 1), strict=True):
        reference, source = figures[first], figures[second]
        pairs = pair_garments(reference, source, visible_garments(reference))
        if pairs:
            swaps.append(Swap(reference, source, pairs))
    return swaps


def score_self_swaps(
    swaps: Sequence[tuple[Swap, np.ndarray]], function: SwapFunction, features: FeatureNetwork
) -> dict[str, float]:
    """Return `self_SSIM` and `self_feature_distance`.

    Args:
        swaps: See `self_swaps`.
        function: Makes the results.
        features: Network of the features.
    """
    results = [function(swap) for swap, _ in swaps]
    similarity = [
        masked_similarity(image, truth, swap.mask)
        for image, (swap, truth) in zip(results, swaps, strict=True)
    ]
    distance = cosine_distance(_describe(results, features), _describe([row[1] for row in swaps], features))
    return {"self_SSIM": float(np.mean(similarity)), "self_feature_distance": distance}


def score_pairs(
    swaps: Sequence[Swap], function: SwapFunction, features: FeatureNetwork, photos: np.ndarray
) -> dict[str, float]:
    """Return the figures of swaps of two people, and `ms`.

    Args:
        swaps: See `pair_swaps`.
        function: Makes the results.
        features: Network of the features.
        photos: Features of true photos, `[N, D]`.
    """
    colors, patterns, outside, seconds, results = [], [], [], [], []
    for swap in swaps:
        started = time.perf_counter()
        image = function(swap)
        seconds.append(time.perf_counter() - started)
        results.append(image)
        outside.append(outside_difference(image, swap.reference.image, swap.mask))
        for garment in swap.pairs:
            mask = swap.reference.mask(class_index(garment))
            aim = swap.source.image, swap.source_mask(garment)
            colors.append(color_distance(image, mask, *aim))
            patterns.append(pattern_distance(image, mask, *aim))
    return {
        "color_distance": float(np.mean(colors)),
        "pattern_distance": float(np.mean(patterns)),
        "kernel_distance": kernel_distance(_describe(results, features), photos),
        "outside_difference": float(np.mean(outside)),
        "ms": 1000 * float(np.median(seconds)),
    }


def evaluate(
    figures: Sequence[Figure], photos: Sequence[Figure], functions: Mapping[str, SwapFunction]
) -> dict[str, dict[str, float]]:
    """Return all figures by the names of the functions.

    Args:
        figures: People who swap garments.
        photos: Other people, whose photos are the truth of `kernel_distance`.
        functions: Systems.
    """
    features = FeatureNetwork()
    true_features = _describe([figure.image for figure in photos], features)
    own, pairs = self_swaps(figures), pair_swaps(figures)
    return {
        name: {
            **score_self_swaps(own, function, features),
            **score_pairs(pairs, function, features, true_features),
        }
        for name, function in tqdm(functions.items(), unit="system", leave=False)
    }


def _describe(images: Sequence[np.ndarray], features: FeatureNetwork) -> np.ndarray:
    """Return the features of images, `[N, D]`."""
    return features([to_image(image.transpose(2, 0, 1) / np.float32(255)) for image in images])


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure outfit swaps.", MODULE, weights=WEIGHTS)
    parser.add_argument("--split", default="test", choices=("val", "test"))
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    available = read_figures(options.data, options.split)
    figures = available[: options.limit]
    folder = Path(options.weights) if Path(options.weights).is_dir() else None
    network = weights.load(SwapGAN, options.weights if folder is None else WEIGHTS, folder=folder)
    functions: dict[str, SwapFunction] = {
        "SwapGAN": network_function(network),
        "warp only": warp_only,
        "mean color": mean_color,
        "no change": no_change,
    }
    return reports.finish(
        reports.Report(
            benchmark="outfit swaps",
            data="Clothing Co-Parsing",
            split=options.split,
            items=len(figures),
            weights=Path(options.weights).name if folder is None else WEIGHTS,
            metrics=evaluate(figures, read_figures(options.data, _OTHER_SPLIT[options.split]), functions),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )
