"""Faithfulness of explanations to the classifier.

Deletion and insertion (Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of
Black-box Models", BMVC 2018): cell by cell, hottest first, an image turns into its mean color, or a strongly
blurred copy turns into the image. The score is the area under the probability of the class: a faithful
explanation makes it small for deletion and large for insertion. References are a random order and an order
from the center outwards. Cells of equal heat, such as all cold ones, come in a random order.

Random weights (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018): the values of each tensor
above the backbone, and then of the backbone too, are shuffled. The rank correlation with the heat map of
the trained network is the part of an explanation that does not depend on training; it must be low. Heat maps
that are strong in the center agree with each other whatever was learned: the correlation with the distance
from the center measures that part.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy.stats import rankdata
from sklearn.metrics import auc
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from shared.core import weights
from shared.core.image_files import ImageFile, read_images
from shared.core.images import to_tensor
from shared.evaluation import reports
from shared.recognition.benchmarks.common import engine_parser, load_cfn, parse_engines, weights_name
from shared.recognition.cfn_backend import CFNBackend, center_square
from shared.recognition.classifier import Classifier
from shared.recognition.engines import CLASSIFIERS
from shared.recognition.explanation import METHODS, explain

MODULE = "shared.recognition.benchmark explain"
CELLS = 28  # per side; 8 pixels each in an input of 224
STEPS = 20
BLUR = 1 / 16  # standard deviation of the blur where insertion starts, as a fraction of the input's side

Score: TypeAlias = Callable[[Tensor], Tensor]


def pool_cells(heatmap: np.ndarray, cells: int = CELLS) -> np.ndarray:
    """Return the mean heat of each cell, `[cells, cells]`, from `[H, W]`."""
    pooled: np.ndarray = F.adaptive_avg_pool2d(torch.from_numpy(heatmap)[None], cells)[0].numpy()
    return pooled


def cell_order(heat: np.ndarray, seed: int) -> np.ndarray:
    """Return the flat indices of all cells, hottest first, ties in a random order.

    >>> cell_order(np.array([[0.1, 0.9], [0.5, 0.2]]), seed=0).tolist()
    [1, 2, 3, 0]
    """
    tie_breaks = np.random.default_rng(seed).permutation(heat.size)
    return np.lexsort((tie_breaks, -heat.ravel()))


def center_prior(cells: int = CELLS) -> np.ndarray:
    """Return heat that depends only on the distance from the center, float32 `[cells, cells]`."""
    offsets = np.arange(cells) - (cells - 1) / 2
    return -np.hypot(offsets[:, None], offsets).astype(np.float32)


def score_curve(
    score: Score, start: Tensor, end: Tensor, order: np.ndarray, steps: int = STEPS
) -> np.ndarray:
    """Score an image while its cells are replaced, step by step, by those of another.

    Args:
        score: Maps a batch `[B, 3, H, W]` to scores `[B]`.
        start: First image, `[3, H, W]`.
        end: Last image, of the same shape.
        order: Flat indices of all cells of a square grid, in the order of their replacement.
        steps: Number of steps.

    Returns:
        `[steps + 1]`, from the score of `start` to that of `end`.
    """
    side = round(len(order) ** 0.5)
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    counts = np.rint(np.linspace(0, len(order), steps + 1))
    replaced = torch.from_numpy(rank.reshape(1, side, side) < counts[:, None, None])
    replaced = F.interpolate(replaced[:, None].float(), start.shape[-2:]).to(start.device) > 0
    scores: np.ndarray = score(torch.where(replaced, end, start)).double().cpu().numpy()
    return scores


def area_under_curve(curve: np.ndarray) -> float:
    """Return the area under a curve whose points are evenly spaced on 0..1, by the trapezoidal rule.

    >>> area_under_curve(np.array([1.0, 0.0, 0.0]))
    0.25
    """
    return float(auc(np.linspace(0, 1, len(curve)), curve))


def deletion_insertion(
    score: Score, image: Tensor, blurred: Tensor, order: np.ndarray
) -> tuple[float, float]:
    """Return the areas under the deletion and the insertion curve of an image `[3, H, W]`."""
    mean_color = image.mean((-2, -1), keepdim=True).expand_as(image)
    deletion = score_curve(score, image, mean_color, order)
    insertion = score_curve(score, blurred, image, order)
    return area_under_curve(deletion), area_under_curve(insertion)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation of two maps of one shape, -1..1; 0 if one of them is constant."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def shuffle_weights(backend: CFNBackend, *, backbone: bool, seed: int = 0) -> CFNBackend:
    """Return a copy of a classifier whose weights are shuffled within each tensor.

    Args:
        backend: The classifier.
        backbone: True to shuffle the backbone, too; else only the layers above it.
        seed: Seed of the shuffling.
    """
    network = copy.deepcopy(backend.network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in network.named_parameters():
            if backbone or not name.startswith("base."):
                permutation = torch.randperm(values.numel(), generator=generator).to(values.device)
                values.copy_(values.flatten()[permutation].view_as(values))
    return CFNBackend(network, labels=backend.labels, temperature=backend.temperature, size=backend.size)


def score_image(backend: CFNBackend, image: Image.Image, seed: int) -> dict[str, dict[str, float]]:
    """Compute all metrics of the explanations of an image's likeliest class.

    Args:
        backend: The classifier.
        image: RGB image.
        seed: Seed of random orders and weights; one per image, so that a mean is over many of both.

    Returns:
        `{method or order: {metric: value}}`.
    """
    classifier = Classifier("backend", backend)
    size = (backend.size, backend.size)
    view = image.resize(size, Image.Resampling.BICUBIC, center_square(image.size))
    inputs = backend.preprocess(view)[0]
    blurred = to_tensor(view.filter(ImageFilter.GaussianBlur(BLUR * backend.size)))[0].to(inputs.device)
    explanations = {method: explain(classifier, view, method=method) for method in METHODS}
    class_id = explanations[METHODS[0]].id

    def class_probability(views: Tensor) -> Tensor:
        return backend.probabilities(views)[:, class_id]

    center = center_prior()
    heats = {method: pool_cells(explanation.heatmap) for method, explanation in explanations.items()}
    heats |= {"center": center, "random": np.zeros_like(center)}
    metrics = {}
    for name, heat in heats.items():
        deletion, insertion = deletion_insertion(class_probability, inputs, blurred, cell_order(heat, seed))
        metrics[name] = {"deletion_AUC": deletion, "insertion_AUC": insertion}
    for metric, backbone in (("random_top_correlation", False), ("random_all_correlation", True)):
        random = Classifier("random", shuffle_weights(backend, backbone=backbone, seed=seed))
        for method in METHODS:
            random_heat = pool_cells(explain(random, view, class_id, method).heatmap)
            metrics[method][metric] = rank_correlation(heats[method], random_heat)
    for method in METHODS:
        metrics[method]["center_correlation"] = rank_correlation(heats[method], center)
    return metrics


def score_images(backend: CFNBackend, images: Sequence[ImageFile]) -> dict[str, dict[str, float]]:
    """Return the means of `score_image` over images."""
    rows = [
        score_image(backend, image.image(), seed) for seed, image in enumerate(tqdm(images, unit="image"))
    ]
    return {
        name: {metric: float(np.mean([row[name][metric] for row in rows])) for metric in metrics}
        for name, metrics in rows[0].items()
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = engine_parser(
        "Test the faithfulness of explanations to the classifier.",
        MODULE,
        default=["lite"],
        choices=CLASSIFIERS,
    )
    options = parse_engines(parser, arguments)
    try:
        available = read_images([options.data])
        backends = {name: load_cfn(name, options.weights) for name in options.engine}
    except (FileNotFoundError, weights.WeightsError) as error:
        parser.error(str(error))
    images = available[: options.limit]
    started = time.perf_counter()
    metrics = {
        f"{name} {method}": row
        for name, backend in backends.items()
        for method, row in score_images(backend, images).items()
    }
    return reports.finish(
        reports.Report(
            benchmark="explanations",
            data=options.data.stem,
            split="photos",
            items=len(images),
            weights=weights_name(options.weights, backends),
            metrics=metrics,
            available=len(available),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
