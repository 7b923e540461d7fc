"""Why a classifier gave a class: where in the picture the evidence lies, and which branch brought it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.heatmap import overlay_heatmap
from shared.core.images import ImageError, Source, open_image
from shared.networks.cfn import CFN
from shared.recognition.classifier import Classifier, middle

METHODS = ("grad-cam", "occlusion")
CELLS = 7  # patches per side when occluding: 49 passes, which take about a second on two cores
BATCH = 16


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a picture got, or did not get, a class.

    The classifier looks at the square in the picture's middle, and it is that decision which is explained:
    outside the square the heat is 0, since nothing there was seen.

    Attributes:
        image: The picture, RGB, upright and whole.
        label: The class's name.
        id: Its number.
        probability: How sure the classifier is of it, 0..1.
        heat: `[H, W]` float32, 0..1: how much a place speaks for the class. The hottest place has 1; all is 0
            where nothing speaks for it.
        branches: How much each branch of the network adds to the class's logit, by the names in
            `CFN.BRANCH_NAMES`, and `"bias"`, which is there whatever the picture; they add up to `logit`.
        method: One of `METHODS`.
        engine: The name of the engine.
        seconds: What it took.
    """

    image: Image.Image
    label: str
    id: int
    probability: float
    heat: np.ndarray = field(repr=False)
    branches: Mapping[str, float]
    method: str
    engine: str
    seconds: float = 0.0

    @property
    def logit(self) -> float:
        """The network's score of the class, before the temperature and softmax."""
        return sum(self.branches.values())

    def picture(self, strength: float = 0.6) -> Image.Image:
        """The heat laid over the photo; cold parts let the photo through.

        Args:
            strength: How opaque the hottest place is, 0..1.

        Raises:
            ValueError: `strength` is not in 0..1.
        """
        return overlay_heatmap(self.image, self.heat, strength)


def explain(
    classifier: Classifier, image: Source, target: str | int | None = None, method: str = "grad-cam"
) -> Explanation:
    """Explains what a classifier says of a picture.

    Args:
        classifier: Whose decision; other threads may use it meanwhile.
        image: Anything that `shared.core.images.open_image` takes.
        target: The class to explain, by name or number; by default the likeliest.
        method: One of `METHODS`. Grad-CAM needs one pass of the network. Occlusion needs 49 more, and
            believes nothing but the network's answers.

    Raises:
        ImageError: The picture cannot be used, or there is no such class.
        ValueError: There is no such method.
    """
    started = time.perf_counter()
    if method not in METHODS:
        raise ValueError(f"the method must be one of {', '.join(METHODS)}, received {method!r}")
    wanted = None if target is None else find_target(classifier, target)
    picture = open_image(image)
    with torch.inference_mode(False):  # a caller's inference mode would leave no gradients
        x = classifier.view(picture)
        maps, gradients, logits, parts, number = _look(classifier, x, wanted)
        if method == "grad-cam":
            finest = max(tuple(one.shape[-2:]) for one in maps)
            seen = grad_cam(maps, gradients, finest)
        else:
            seen = occlusion(lambda views: probabilities(classifier, views)[:, number], x[0])
    names = (*CFN.BRANCH_NAMES[: len(parts) - 1], "bias")
    return Explanation(
        image=picture,
        label=classifier.labels[number],
        id=number,
        probability=float((logits.float() / classifier.temperature).softmax(0)[number]),
        heat=place(seen, picture.size),
        branches=dict(zip(names, parts, strict=True)),
        method=method,
        engine=classifier.engine,
        seconds=time.perf_counter() - started,
    )


def find_target(classifier: Classifier, target: str | int) -> int:
    """The number of a class by its name or number.

    Raises:
        ImageError: There is no such class; the sentence, which a visitor sees, names similar ones.
    """
    if isinstance(target, str):
        try:
            return classifier.find_class(target)
        except ValueError as error:
            known = {label.lower(): label for label in classifier.labels}
            near = difflib.get_close_matches(target.strip().lower(), known, n=3)
            hint = " or ".join(known[name] for name in near) or "one of the classes in the list"
            raise ImageError(f"There is no class {target.strip()!r} here: please try {hint}.") from error
    if not 0 <= target < len(classifier.labels):
        last = len(classifier.labels) - 1
        raise ImageError(f"There is no class {target} here: please choose a number from 0 to {last}.")
    return int(target)


def grad_cam(maps: Sequence[Tensor], gradients: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Where the maps of one or several branches hold evidence for a class.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV
    2017: the channels of a map, weighted by their mean gradients, are added up, and ReLU keeps what speaks
    for the class. Branches are added before ReLU, so that one may speak against what another saw. A cell of a
    branch with more cells covers less of the picture; each branch is therefore multiplied by its number of
    cells. Where, as in CFN, each map is averaged and all that follows is linear, the mean over the places
    before ReLU is then the logit without its bias.

    Args:
        maps: `[1, K, h, w]` of each branch; h and w may differ.
        gradients: of the class's logit by the maps, of the same shapes.
        size: height and width of the result, to which all branches are enlarged.

    Returns:
        `[height, width]`, 0 and above.

    >>> one = torch.tensor([[[[1.0, 0.0]], [[0.0, 3.0]]]])
    >>> slopes = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 1, 2) / 2
    >>> grad_cam([one], [slopes], (1, 2))
    tensor([[2., 0.]])
    """
    total = maps[0].new_zeros(1, 1, *size)
    for one, slopes in zip(maps, gradients, strict=True):
        weighted = (one * slopes.sum((-2, -1), keepdim=True)).sum(1, keepdim=True)
        total = total + F.interpolate(weighted, size, mode="bilinear", align_corners=False)
    return F.relu(total[0, 0])


def occlusion(
    score: Callable[[Tensor], Tensor], x: Tensor, *, cells: int = CELLS, batch: int = BATCH
) -> Tensor:
    """How much a score falls when a patch hides a part of the picture.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2. The
    patch has the picture's mean color and is two cells wide and high; it is centered on one cell after the
    other, cut at the border.

    Args:
        score: gives `[B]` scores of a batch `[B, 3, H, W]`.
        x: the picture, `[3, H, W]`.
        cells: patches per side.
        batch: pictures per call of `score`.

    Returns:
        The falls, `[cells, cells]`; 0 where the score does not fall by a thousandth of itself, which may be
        rounding.
    """
    height, width = x.shape[-2:]
    mean = x.mean((-2, -1))[:, None, None]
    rows, columns = _spans(height, cells), _spans(width, cells)
    hidden = torch.zeros(cells, cells, height, width, dtype=torch.bool, device=x.device)
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            hidden[i, j, top:bottom, left:right] = True
    scores = [score(x[None])]
    scores += [score(torch.where(some[:, None], mean, x)) for some in hidden.flatten(0, 1).split(batch)]
    whole, *rest = scores
    falls = whole - torch.cat(rest)
    return falls.where(falls > whole.abs() / 1000, 0).view(cells, cells)


def place(seen: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Lays what was found in the middle square over the whole picture.

    Args:
        seen: `[h, w]`, 0 and above, over the square.
        size: width and height of the picture.

    Returns:
        float32 `[height, width]`, 0..1: the greatest value is 1, or all are 0.
    """
    width, height = size
    left, top, _, _ = map(int, middle(size))
    side = min(size)
    square = F.interpolate(seen[None, None].float().cpu(), (side, side), mode="bilinear", align_corners=False)
    heat = np.zeros((height, width), np.float32)
    heat[top : top + side, left : left + side] = square[0, 0].numpy()
    most = heat.max()
    if most > 0:
        heat /= most
    return heat


def _look(
    classifier: Classifier, x: Tensor, wanted: int | None
) -> tuple[list[Tensor], Sequence[Tensor], Tensor, list[float], int]:
    """One pass: maps, their gradients, logits `[classes]`, the branches' contributions, the class."""
    network = classifier.network
    with classifier._lock:
        with torch.no_grad():
            maps = network.branch_maps(x)
        with torch.enable_grad():
            maps = [one.requires_grad_() for one in maps]
            branches = network.branch_vectors(maps)
            logits = network.classifier(network.fuse(branches))[0]
            number = int(logits.argmax()) if wanted is None else wanted
            gradients = torch.autograd.grad(logits[number], maps)  # of the maps alone: parameters keep none
        with torch.no_grad():
            parts = network.contributions(branches, torch.tensor([number], device=x.device))[0]
    return [one.detach() for one in maps], gradients, logits.detach(), parts.tolist(), number


def probabilities(classifier: Classifier, views: Tensor) -> Tensor:
    """`[B, classes]` of views `[B, 3, size, size]`; other calls may run between two batches."""
    views = views.contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), classifier._lock:
        return (classifier.network(views).float() / classifier.temperature).softmax(1)


def _spans(length: int, cells: int) -> list[tuple[int, int]]:
    """First and last pixel (not included) of patches of two cells, one around each cell."""
    edges = [min(max(round(length * (k - 0.5) / cells), 0), length) for k in range(cells + 2)]
    return list(zip(edges, edges[2:], strict=False))
