"""Comparison of ways to fuse branches, each trained with the same recipe on CIFAR, as in the paper on CFN.

Recipes:

published      GCN, no mirroring, no crops; SGD 0.9, rate 0.1 divided by ten twice, batch 100
published-zca  the same on ZCA-whitened images
modern         padded crops, mirroring, batch normalization, one cycle

The published network at full width and length (`--recipe published --width 1 --epochs 240`) takes days on a
CPU. `--width`, `--epochs` and `--limit` make it smaller, and the report says so. `--out` stores the result of
every run, so that an interrupted comparison resumes.
"""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.evaluation import reports
from shared.networks.cfn import CFNCifar
from shared.networks.layers import FUSIONS
from shared.recognition.data.cifar_whitening import contrast_normalize, zca_whiten
from shared.recognition.data.datasets import read_cifar
from shared.training.loop import Batch, LoopSettings, cosine_schedule, fit

MODULE = "shared.recognition.benchmark fusion"
RECIPES = ("published", "published-zca", "modern")
BATCH = 100
#: Names of fusions in the report, where they differ from those of the option.
TITLES = {"none": "plain", "lc": "locally connected", "conv": "1x1 convolution"}

# Error of the published networks on the original CIFAR files (methods of the paper at full width).
PUBLISHED = {"CFN (published)": {"error": 0.0827}}


@dataclass(frozen=True)
class CifarTensors:
    """Preprocessed CIFAR.

    Attributes:
        train: Training images, float32 `[N, 3, 32, 32]`.
        train_targets: Their classes, int64 `[N]`.
        test: Test images, of the same form.
        test_targets: Their classes.
    """

    train: Tensor
    train_targets: Tensor
    test: Tensor
    test_targets: Tensor

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.train_targets.max()) + 1


def prepare(data: Path, recipe: str, limit: int | None) -> CifarTensors:
    """Read CIFAR and preprocess it as a recipe does.

    Args:
        data: Folder of the set, see `read_cifar`.
        recipe: One of `RECIPES`.
        limit: Number of training images, drawn at random; all by default.
    """
    (train, train_targets), (test, test_targets) = (read_cifar(data, split) for split in ("train", "test"))
    if limit:
        indices = np.random.default_rng(0).permutation(len(train))[:limit]
        train, train_targets = train[indices], train_targets[indices]
    if recipe == "modern":
        mean, deviation = train.mean((0, 2, 3)), train.std((0, 2, 3))
        train, test = (
            ((images - mean[:, None, None]) / deviation[:, None, None]).astype(np.float32)
            for images in (train, test)
        )
    else:
        train, test = contrast_normalize(train), contrast_normalize(test)
        if recipe == "published-zca":
            train, test = zca_whiten(train, train, test)
    return CifarTensors(*map(torch.from_numpy, (train, train_targets, test, test_targets)))


def augment(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirror each image of `[B, 3, 32, 32]` with probability 0.5 and shift it by up to 4 pixels."""
    mirrored = torch.from_numpy(rng.random(len(images)) < 0.5).view(-1, 1, 1, 1)
    images = torch.where(mirrored, images.flip(-1), images)
    padded = F.pad(images, (4, 4, 4, 4), mode="reflect")
    tops, lefts = rng.integers(9, size=(2, len(images)))
    return torch.stack(
        [
            image[:, top : top + 32, left : left + 32]
            for image, top, left in zip(padded, tops, lefts, strict=True)
        ]
    )


def build_optimizer(network: nn.Module, recipe: str) -> torch.optim.Optimizer:
    """Build SGD with the published factors.

    Biases learn twice as fast and without weight decay, the fusion ten times slower.
    """
    rate, decay = (0.1, 1e-4) if recipe != "modern" else (0.2, 5e-4)
    groups = []
    for name, parameter in network.named_parameters():
        is_bias = name.endswith("bias")
        factor = (2.0 if is_bias else 1.0) * (0.1 if name.startswith("fusion") else 1.0)
        groups.append({"params": [parameter], "lr": rate * factor, "weight_decay": 0.0 if is_bias else decay})
    return torch.optim.SGD(groups, momentum=0.9, nesterov=recipe == "modern")


def step_schedule(step: int, *, steps: int, warmup: int) -> float:
    """Return the published learning-rate factor: a tenth after each third of the steps.

    >>> [step_schedule(step, steps=120, warmup=0) for step in (0, 39, 40, 80)]
    [1.0, 1.0, 0.1, 0.01]
    """
    if step < warmup:
        return (step + 1) / warmup
    return round(0.1 ** (3 * step // steps), 6)


def run(fusion: str, seed: int, cifar: CifarTensors, options: Namespace) -> float:
    """Train one network, or read the result of an earlier run.

    Args:
        fusion: One of `FUSIONS`.
        seed: Seed of weights and batches.
        cifar: Preprocessed data.
        options: `out`, `recipe`, `width`, `epochs` and `device` of the command line.

    Returns:
        Error on the test images, 0..1.
    """
    result = options.out / f"{options.recipe}-{fusion}-{seed}" / "result.json"
    if result.is_file():
        return float(json.loads(result.read_text())["error"])
    modern = options.recipe == "modern"
    steps_per_epoch = len(cifar.train) // BATCH
    torch.manual_seed(seed)
    network = CFNCifar(classes=cifar.classes, fusion=fusion, width=options.width, batch_norm=modern)
    orders: dict[int, np.ndarray] = {}  # of the images, in the current epoch

    def make_batch(step: int) -> Batch:
        epoch, position = divmod(step, steps_per_epoch)
        if epoch not in orders:
            orders.clear()
            orders[epoch] = np.random.default_rng([seed, epoch]).permutation(len(cifar.train))
        indices = torch.from_numpy(orders[epoch][position * BATCH : (position + 1) * BATCH])
        images = cifar.train[indices]
        if modern:
            images = augment(images, np.random.default_rng([seed, step]))
        return images, cifar.train_targets[indices]

    def loss(network: CFNCifar, batch: Batch) -> Tensor:
        images, targets = batch
        return F.cross_entropy(network(images.contiguous(memory_format=torch.channels_last)), targets)

    settings = LoopSettings(
        steps=round(options.epochs * steps_per_epoch),
        out=result.parent,
        device=options.device,
        bf16=options.device != "cpu",
        seed=seed,
        average=None,
        schedule=cosine_schedule if modern else step_schedule,
        warmup=100,
        checkpoint_every=1000,
    )
    trained = fit(network, build_optimizer(network, options.recipe), make_batch, loss, settings)
    error = error_rate(trained, cifar.test, cifar.test_targets, options.device)
    result.write_text(json.dumps({"error": error}))
    return error


@torch.inference_mode()
def error_rate(network: nn.Module, images: Tensor, targets: Tensor, device: str) -> float:
    """Return the fraction of wrong predictions, 0..1, for images `[N, 3, 32, 32]` and classes `[N]`."""
    correct = sum(
        int((network(batch.to(device)).argmax(1).cpu() == batch_targets).sum())
        for batch, batch_targets in zip(images.split(500), targets.split(500), strict=True)
    )
    return 1 - correct / len(images)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Train and compare ways to fuse branches on CIFAR.", MODULE)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder of the runs; an interrupted comparison resumes",
    )
    parser.add_argument("--kinds", nargs="+", choices=FUSIONS, default=["none", "sum", "conv", "lc"])
    parser.add_argument("--recipe", choices=RECIPES, default="modern")
    parser.add_argument("--seeds", type=reports.positive_int, default=3)
    parser.add_argument("--width", type=float, default=0.25, help="of the published channels (%(default)s)")
    parser.add_argument("--epochs", type=float, default=4.0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    if options.weights:
        parser.error("this benchmark trains its own networks and takes no --weights")
    cifar = prepare(options.data, options.recipe, options.limit)
    started = time.perf_counter()
    errors: dict[str, list[float]] = {kind: [] for kind in options.kinds}
    for seed in range(options.seeds):  # all kinds seed by seed, so that an interrupted comparison is fair
        for kind in options.kinds:
            errors[kind].append(run(kind, seed, cifar, options))
    metrics = {
        TITLES.get(kind, kind): {"error": float(np.mean(values)), "deviation": float(np.std(values))}
        for kind, values in errors.items()
    }
    limit = f", {len(cifar.train)} pictures" if options.limit else ""
    is_cifar10 = cifar.classes <= 10
    return reports.finish(
        reports.Report(
            benchmark=f"fusion, {options.recipe} recipe",
            data="CIFAR-10" if is_cifar10 else "CIFAR-100",
            split=f"width {options.width:g}, {options.epochs:g} epochs{limit}, {options.seeds} seeds",
            items=len(cifar.test),
            weights="CFN",
            metrics=metrics,
            published=PUBLISHED if options.recipe != "modern" and is_cifar10 else {},
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
