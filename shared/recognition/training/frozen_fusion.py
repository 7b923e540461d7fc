"""Training of a CFN's side branches and fusion on a frozen backbone, from maps that are computed once.

The targets are those of the network without fusion, averaged over several views of a photo: the fused network
learns to answer in one pass as the average of several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from shared.core.cpu_runtime import compiled
from shared.core.image_files import ImageFile
from shared.core.images import to_tensor
from shared.networks.cfn import CFN
from shared.networks.hub_mixin import dequantize, quantize
from shared.networks.layers import global_average_pool
from shared.recognition.cfn_backend import center_square
from shared.recognition.data.imagenet import UNLABELLED, class_ids
from shared.recognition.training.calibration import fit_temperature
from shared.training.loop import Batch
from shared.training.pretrained import PATHS, load_imagenet_weights

BATCH = 8
LEAST_PROBABILITY = 1e-8
#: Shares of the trained fusion in its average with the start, of which validation chooses one.
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
#: Scale of the network's input, share of the center square, and mirroring of the views whose answers are
#: averaged; the first is the view that the network gets in use.
TEACHER_VIEWS = ((1.0, 1.0, False), (1.0, 0.875, True), (1.15, 1.0, True))
#: Divisor of the logits, of the teacher and of the student. The published network was trained with smoothed
#: labels, so that its probabilities are too low; without it, the average of views would be lower still.
TEMPERATURE = 0.6


@dataclass(frozen=True, eq=False)
class FusionExamples:
    """Inputs of the fusion for N images, and targets.

    Attributes:
        main: float16 `[N, 1280]`, vectors of the main branch.
        inputs: float16 `[N, C, h, w]`, the map that each side branch reads.
        teacher: float16 `[N, classes]`, averaged probabilities of the network without fusion.
        labels: int64 `[N]`, class ids; `UNLABELLED` for images without.
    """

    main: Tensor
    inputs: tuple[Tensor, ...]
    teacher: Tensor
    labels: Tensor

    def save(self, path: Path) -> None:
        """Write the examples to a file, from which `load` reads them."""
        torch.save(vars(self), path)

    @classmethod
    def load(cls, path: Path) -> FusionExamples:
        """Read examples from a file of `save`."""
        return cls(**torch.load(path, weights_only=True))

    def targets(self) -> Tensor:
        """Return the teacher's probabilities at `TEMPERATURE`, float32 `[N, classes]`; rows sum to 1.

        The classes of labelled photos are left out: the photos at hand show few of the classes often, and a
        fusion would learn to prefer these.
        """
        return (self.teacher.float().clamp(min=LEAST_PROBABILITY).log() / TEMPERATURE).softmax(1)


def published_network() -> CFN:
    """Return a CFN on EfficientNet-Lite2 with the published weights for ImageNet, rounded to 8 bits.

    Raises:
        PackageError: The package with the weights is not installed.
    """
    published, _ = load_imagenet_weights(2)
    checkpoint = torch.load(PATHS[2](), map_location="cpu", weights_only=True)
    for name in ("weight", "bias"):
        published[f"classifier.{name}"] = checkpoint[f"_fc.{name}"]
    network = CFN(trunk="efficientnet_lite2")
    stored = {
        name: value.half() if value.dtype == torch.float32 else value
        for name, value in quantize({**network.state_dict(), **published}).items()
    }
    network.load_state_dict(dequantize(stored))
    return network.eval()


@torch.inference_mode()
def extract_examples(
    network: CFN,
    images: Sequence[ImageFile],
    size: int,
    views: Sequence[tuple[float, float, bool]] = TEACHER_VIEWS,
) -> FusionExamples:
    """Compute the inputs of a network's fusion and the answers of its main branch.

    Args:
        network: CFN in eval mode.
        images: Images, see `shared.recognition.data.imagenet.class_ids` for their classes.
        size: Side of the network's input in pixels.
        views: See `TEACHER_VIEWS`.
    """

    def inputs_of_fusion(x: Tensor) -> list[Tensor]:
        top, *inputs = network.branch_inputs(x)
        return [global_average_pool(top), *inputs]

    fast = compiled(network, inputs_of_fusion)
    maps: list[list[Tensor]] = []
    teacher: list[Tensor] = []
    for start in tqdm(range(0, len(images), BATCH), unit="batch", mininterval=10):
        batch = [image.image() for image in images[start : start + BATCH]]
        answers = []
        for index, view in enumerate(views):
            outputs = fast(torch.cat([_view(image, size, *view) for image in batch]))
            answers.append(network.classifier(outputs[0]).softmax(1))
            if not index:
                maps.append([output.half() for output in outputs])
        teacher.append(torch.stack(answers).mean(0).half())
    main, *inputs = (torch.cat(parts) for parts in zip(*maps, strict=True))
    return FusionExamples(main, tuple(inputs), torch.cat(teacher), class_ids(images))


def fused_features(network: CFN, main: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """Compute the fused features `[B, 1280]` from `FusionExamples.main` and `FusionExamples.inputs`."""
    sides = [global_average_pool(side) for side in network.side_maps(inputs)]
    return network.fuse(torch.stack([main, *sides], 1))


def sample_batch(examples: FusionExamples, targets: Tensor, batch: int, seed: int) -> Batch:
    """Draw a batch: vectors of the main branch, targets, and a quarter of the cells of the large maps.

    The branches average over cells, of which a quarter on a random regular grid is enough for a gradient.

    Args:
        examples: Examples to draw from, with replacement.
        targets: `FusionExamples.targets`.
        batch: Number of examples.
        seed: Seed of the batch; the same seed gives the same batch.
    """
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.integers(len(examples.main), size=batch))
    inputs = []
    for maps in examples.inputs:
        step = 2 if maps.shape[-1] > 12 else 1
        top, left = rng.integers(step, size=2)
        inputs.append(maps[rows][:, :, top::step, left::step].float())
    return examples.main[rows].float(), targets[rows], *inputs


def fusion_loss(network: CFN, batch: Batch) -> Tensor:
    """Compute the cross-entropy of a batch of `sample_batch`."""
    main, targets, *inputs = batch
    logits = network.classifier(fused_features(network, main, inputs))
    return F.cross_entropy(logits / TEMPERATURE, targets)


def start_fusion(network: CFN) -> list[torch.nn.Parameter]:
    """Prepare a network for the training of its fusion alone.

    The side branches start at random with weight 0 in the fusion, the main branch with weight 1, which gives
    the answers of the network without fusion.

    Returns:
        The parameters to train; all others are frozen.

    Raises:
        ValueError: The network has no locally-connected fusion.
    """
    if network.fusion is None or network.fusion.weight is None or network.fusion.bias is None:
        raise ValueError("the network must have a locally-connected fusion")
    network.requires_grad_(False)
    with torch.no_grad():
        for side in network.sides:
            if isinstance(side, torch.nn.Conv2d):
                side.reset_parameters()
        network.fusion.weight.zero_()
        network.fusion.weight[0] = 1
        network.fusion.bias.zero_()
    parameters = [*network.sides.parameters(), *network.fusion.parameters()]
    for parameter in parameters:
        parameter.requires_grad_()
    return parameters


@torch.inference_mode()
def compute_branches(network: CFN, examples: FusionExamples, batch: int = 16) -> Tensor:
    """Compute the vectors `[N, G, 1280]` of all branches of all examples."""
    vectors = []
    for start in range(0, len(examples.main), batch):
        inputs = [maps[start : start + batch].float() for maps in examples.inputs]
        sides = [global_average_pool(side) for side in network.side_maps(inputs)]
        vectors.append(torch.stack([examples.main[start : start + batch].float(), *sides], 1))
    return torch.cat(vectors)


@torch.inference_mode()
def score_branches(network: CFN, branches: Tensor, labels: Tensor) -> dict[str, float]:
    """Compute `top1` and, at the best temperature, the mean `log_likelihood` of labelled examples.

    Args:
        network: The network.
        branches: `[N, G, 1280]`, from `compute_branches`.
        labels: `[N]`, class ids or `UNLABELLED`.
    """
    known = labels != UNLABELLED
    logits, labels = network.classifier(network.fuse(branches[known])), labels[known]
    temperature = fit_temperature(logits, F.one_hot(labels, logits.shape[1]).bool())
    return {
        "top1": float((logits.argmax(1) == labels).float().mean()),
        "log_likelihood": -float(F.cross_entropy(logits / temperature, labels)),
    }


def shrink_fusion(network: CFN, examples: FusionExamples, shares: Sequence[float] = SHARES) -> float:
    """Average a trained fusion with that of `start_fusion`, in the best of several shares.

    Args:
        network: Trained network; its fusion is changed in place.
        examples: Labelled examples; the best share has the highest accuracy, then the highest likelihood.
        shares: Weights of the trained fusion, 0..1.

    Returns:
        The share.
    """
    fusion = network.fusion
    assert fusion is not None
    trained = {name: value.clone() for name, value in fusion.state_dict().items()}
    start = {name: torch.zeros_like(value) for name, value in trained.items()}
    start["weight"][0] = 1

    def apply(share: float) -> None:
        fusion.load_state_dict({name: value.lerp(trained[name], share) for name, value in start.items()})

    branches, scores = compute_branches(network, examples), {}
    for share in shares:
        apply(share)
        values = score_branches(network, branches, examples.labels)
        scores[share] = (values["top1"], values["log_likelihood"])
    best = max(scores, key=scores.__getitem__)
    apply(best)
    return best


def _view(image: Image.Image, size: int, scale: float, share: float, mirrored: bool) -> Tensor:
    left, top, right, bottom = center_square(image.size)
    margin = (right - left) * (1 - share) / 2
    box = (left + margin, top + margin, right - margin, bottom - margin)
    side = (round(size * scale), round(size * scale))
    view = to_tensor(image.resize(side, Image.Resampling.BICUBIC, box, reducing_gap=2.0))
    return view.flip(-1) if mirrored else view
