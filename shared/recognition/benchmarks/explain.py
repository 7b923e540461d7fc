"""How faithful explanations are to the classifier that they explain.

Deletion and insertion (Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of
Black-box Models", BMVC 2018): the hottest cells of a photo turn into its mean color, or come back on a much
blurred copy, step by step. The score is the area under the probability of the class: an explanation that
found what matters makes it small for deletion and large for insertion. A random order and an order from the
center outwards stand beside. Cells of equal heat, such as all cold ones, come in a random order.

Random weights (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018): the values of each tensor
above the base, and then of the base too, are shuffled. The rank correlation with the heat of the trained
network tells how much of an explanation does not depend on what was learned; it must be low. Heat that is
strong in the middle agrees with any other such heat, whatever was learned: the correlation with the distance
from the center shows how much of that there is.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy.stats import rankdata
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from shared.core import weights
from shared.core.images import to_tensor
from shared.evaluation import reports
from shared.recognition.classifier import Classifier, middle
from shared.recognition.engines import CLASSIFIERS
from shared.recognition.explanation import METHODS, explain, probabilities
from shared.training.datasets import ImageFile, read_images

MODULE = "shared.recognition.benchmark explain"
CELLS = 28  # per side; 8 pixels each in a view of 224
STEPS = 20
BLUR = 1 / 16  # deviation of the blur where insertion starts, as a share of the view's side

Score = Callable[[Tensor], Tensor]


def cell_heat(heat: np.ndarray, cells: int = CELLS) -> np.ndarray:
    """The mean heat of each cell, `[cells, cells]`, from `[H, W]`."""
    return F.adaptive_avg_pool2d(torch.from_numpy(heat)[None], cells)[0].numpy()


def order(heat: np.ndarray, seed: int) -> np.ndarray:
    """The numbers of all cells, hottest first; cells with the same heat come in a random order.

    >>> order(np.array([[0.1, 0.9], [0.5, 0.2]]), seed=0).tolist()
    [1, 2, 3, 0]
    """
    ties = np.random.default_rng(seed).permutation(heat.size)
    return np.lexsort((ties, -heat.ravel()))


def center_heat(cells: int = CELLS) -> np.ndarray:
    """Heat that knows nothing of the picture and falls with the distance from its center."""
    across = np.arange(cells) - (cells - 1) / 2
    return -np.hypot(across[:, None], across).astype(np.float32)


def score_curve(
    score: Score, start: Tensor, end: Tensor, cells: np.ndarray, steps: int = STEPS
) -> np.ndarray:
    """Scores of a picture while its cells give way, step by step, to those of another.

    Args:
        score: gives `[B]` scores of a batch `[B, 3, H, W]`.
        start: the first picture, `[3, H, W]`.
        end: the last picture, of the same shape.
        cells: the numbers of all cells of a square grid, in the order in which they change.
        steps: how many.

    Returns:
        `[steps + 1]`, from the score of `start` to that of `end`.
    """
    side = round(len(cells) ** 0.5)
    rank = np.empty(len(cells), int)
    rank[cells] = np.arange(len(cells))
    counts = np.rint(np.linspace(0, len(cells), steps + 1))
    changed = torch.from_numpy(rank.reshape(1, side, side) < counts[:, None, None])
    changed = F.interpolate(changed[:, None].float(), start.shape[-2:]).to(start.device) > 0
    return score(torch.where(changed, end, start)).double().cpu().numpy()


def area(curve: np.ndarray) -> float:
    """The area under a curve whose points lie evenly on 0..1, by trapezoids.

    >>> area(np.array([1.0, 0.0, 0.0]))
    0.25
    """
    return float((curve[1:] + curve[:-1]).mean() / 2)


def deletion_insertion(score: Score, x: Tensor, blurred: Tensor, cells: np.ndarray) -> tuple[float, float]:
    """The areas under the curves of deletion and insertion of a picture `[3, H, W]`; see `score_curve`."""
    gray = x.mean((-2, -1), keepdim=True).expand_as(x)
    return area(score_curve(score, x, gray, cells)), area(score_curve(score, blurred, x, cells))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation of two maps of one shape, -1..1; 0 where one of them is the same everywhere."""
    ranks = np.stack([rankdata(one), rankdata(other)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def with_random_weights(classifier: Classifier, *, base: bool, seed: int = 0) -> Classifier:
    """A classifier whose weights are shuffled within each tensor, so that their scale stays.

    Args:
        classifier: stays as it is.
        base: whether the base is shuffled too; else only what comes after it.
        seed: of the shuffling.
    """
    network = copy.deepcopy(classifier.network)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in network.named_parameters():
            if base or not name.startswith("base."):
                places = torch.randperm(values.numel(), generator=random).to(values.device)
                values.copy_(values.flatten()[places].view_as(values))
    config = {
        "labels": classifier.labels,
        "temperature": classifier.temperature,
        "size": classifier.size,
    }
    return Classifier(classifier.engine, network, config)


def score_photo(classifier: Classifier, photo: Image.Image, seed: int) -> dict[str, dict[str, float]]:
    """All figures of one photo, `{method or order: {metric: value}}`; its likeliest class is explained.

    Args:
        classifier: whose decision.
        photo: RGB.
        seed: of random orders and weights; another one for each photo, so that a mean is over many of both.
    """
    view = photo.resize((classifier.size,) * 2, Image.Resampling.BICUBIC, middle(photo.size))
    x = classifier.view(view)[0]
    blurred = to_tensor(view.filter(ImageFilter.GaussianBlur(BLUR * classifier.size)))[0].to(x.device)
    explanations = {method: explain(classifier, view, method=method) for method in METHODS}
    number = explanations[METHODS[0]].id

    def score(views: Tensor) -> Tensor:
        return probabilities(classifier, views)[:, number]

    center = center_heat()
    heats = {method: cell_heat(one.heat) for method, one in explanations.items()}
    heats |= {"center": center, "random": np.zeros_like(center)}
    rows = {}
    for name, heat in heats.items():
        deletion, insertion = deletion_insertion(score, x, blurred, order(heat, seed))
        rows[name] = {"deletion_AUC": deletion, "insertion_AUC": insertion}
    for key, base in (("random_top_correlation", False), ("random_all_correlation", True)):
        random = with_random_weights(classifier, base=base, seed=seed)
        for method in METHODS:
            other = cell_heat(explain(random, view, number, method).heat)
            rows[method][key] = rank_correlation(heats[method], other)
    for method in METHODS:
        rows[method]["center_correlation"] = rank_correlation(heats[method], center)
    return rows


def score_photos(classifier: Classifier, photos: Sequence[ImageFile]) -> dict[str, dict[str, float]]:
    """Means of `score_photo` over photos."""
    rows = [
        score_photo(classifier, photo.image(), seed) for seed, photo in enumerate(tqdm(photos, unit="photo"))
    ]
    return {
        name: {key: float(np.mean([row[name][key] for row in rows])) for key in figures}
        for name, figures in rows[0].items()
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Test how faithful explanations are to the classifier.", MODULE)
    parser.add_argument(
        "--engine", nargs="+", default=["cfn"], choices=CLASSIFIERS, metavar="NAME", help="(%(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.weights and len(options.engine) != 1:
        parser.error("--weights needs exactly one --engine")
    try:
        available = read_images([options.data])
        classifiers = {name: Classifier.load(name, folder=options.weights) for name in options.engine}
    except (FileNotFoundError, weights.WeightsError) as error:
        parser.error(str(error))
    photos = available[: options.limit]
    started = time.perf_counter()
    metrics = {
        f"{name} {method}": row
        for name, classifier in classifiers.items()
        for method, row in score_photos(classifier, photos).items()
    }
    return reports.finish(
        reports.Report(
            benchmark="explanations",
            data=options.data.stem,
            split="photos",
            items=len(photos),
            weights=Path(options.weights).name if options.weights else ", ".join(classifiers),
            metrics=metrics,
            available=len(available),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
