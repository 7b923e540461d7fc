"""Ways to fuse branches, each trained by the same recipe on CIFAR and tested: the comparison of CFN's paper.

Recipes:

published      GCN, no mirroring, no crops; SGD 0.9, rate 0.1 divided by ten twice, batch 100
published-zca  the same on ZCA-whitened pictures
modern         padded crops, mirroring, batch normalisation, one cycle

The published network at full width and length (`--recipe published --width 1 --epochs 240`) takes days on a
CPU. `--width`, `--epochs` and `--limit` make it smaller, and the report says so. Every run keeps its result
in `--out`, so that a stopped comparison goes on.
"""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.evaluation import reports
from shared.networks.cfn import CFNCifar
from shared.networks.layers import FUSIONS
from shared.recognition.data.cifar_whitening import contrast_normalise, zca
from shared.recognition.data.datasets import read_cifar
from shared.training.loop import LoopSettings, cosine_schedule, fit

MODULE = "shared.recognition.benchmark fusion"
RECIPES = ("published", "published-zca", "modern")
BATCH = 100

# Error of the published networks on the original CIFAR files (methods of the paper at full width).
PUBLISHED = {"CFN (published)": {"error": 0.0827}}


def prepare(data: Path, recipe: str, limit: int | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training pictures and classes, test pictures and classes; pictures float32 `[N, 3, 32, 32]`."""
    (train, train_y), (test, test_y) = (read_cifar(data, part) for part in ("train", "test"))
    if limit:
        chosen = np.random.default_rng(0).permutation(len(train))[:limit]
        train, train_y = train[chosen], train_y[chosen]
    if recipe == "modern":
        mean, deviation = train.mean((0, 2, 3)), train.std((0, 2, 3))
        train, test = (
            ((x - mean[:, None, None]) / deviation[:, None, None]).astype(np.float32) for x in (train, test)
        )
    else:
        train, test = contrast_normalise(train), contrast_normalise(test)
        if recipe == "published-zca":
            train, test = zca(train, train, test)
    return tuple(map(torch.from_numpy, (train, train_y, test, test_y)))


def augment(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirrors each picture by chance and moves it by up to 4 pixels."""
    x = torch.where(torch.from_numpy(rng.random(len(x)) < 0.5).view(-1, 1, 1, 1), x.flip(-1), x)
    x = F.pad(x, (4, 4, 4, 4), mode="reflect")
    tops, lefts = rng.integers(9, size=(2, len(x)))
    return torch.stack(
        [one[:, top : top + 32, left : left + 32] for one, top, left in zip(x, tops, lefts, strict=True)]
    )


def optimizer_for(network: nn.Module, recipe: str) -> torch.optim.Optimizer:
    """SGD with the published factors: biases twice as fast and without decay, the fusion ten times slower."""
    rate, decay = (0.1, 1e-4) if recipe != "modern" else (0.2, 5e-4)
    groups = []
    for name, parameter in network.named_parameters():
        bias = name.endswith("bias")
        factor = (2.0 if bias else 1.0) * (0.1 if name.startswith("fusion") else 1.0)
        groups.append({"params": [parameter], "lr": rate * factor, "weight_decay": 0.0 if bias else decay})
    return torch.optim.SGD(groups, momentum=0.9, nesterov=recipe == "modern")


def steps_down(step: int, *, steps: int, warmup: int) -> float:
    """The published schedule: a tenth after each third of the steps.

    >>> [steps_down(step, steps=120, warmup=0) for step in (0, 39, 40, 80)]
    [1.0, 1.0, 0.1, 0.01]
    """
    if step < warmup:
        return (step + 1) / warmup
    return round(0.1 ** (3 * step // steps), 6)


def run(kind: str, seed: int, given: tuple[Tensor, ...], options: Namespace) -> float:
    """Trains one network and returns its error on the test pictures, 0..1."""
    result = options.out / f"{options.recipe}-{kind}-{seed}" / "result.json"
    if result.is_file():
        return json.loads(result.read_text())["error"]
    train, train_y, test, test_y = given
    modern = options.recipe == "modern"
    torch.manual_seed(seed)
    network = CFNCifar(classes=int(train_y.max()) + 1, fusion=kind, width=options.width, batch_norm=modern)
    epochs_order = {}

    def make_batch(step: int) -> tuple[Tensor, Tensor]:
        epoch, place = divmod(step, len(train) // BATCH)
        if epoch not in epochs_order:
            epochs_order.clear()
            epochs_order[epoch] = np.random.default_rng([seed, epoch]).permutation(len(train))
        chosen = torch.from_numpy(epochs_order[epoch][place * BATCH : (place + 1) * BATCH])
        x = train[chosen]
        return (augment(x, np.random.default_rng([seed, step])) if modern else x), train_y[chosen]

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        x, y = batch
        return F.cross_entropy(network(x.contiguous(memory_format=torch.channels_last)), y)

    settings = LoopSettings(
        steps=round(options.epochs * (len(train) // BATCH)),
        out=result.parent,
        device=options.device,
        bf16=options.device != "cpu",
        seed=seed,
        average=None,
        schedule=cosine_schedule if modern else steps_down,
        warmup=100,
        checkpoint_every=1000,
    )
    trained = fit(network, optimizer_for(network, options.recipe), make_batch, loss, settings)
    error = test_error(trained, test, test_y, options.device)
    result.write_text(json.dumps({"error": error}))
    return error


@torch.inference_mode()
def test_error(network: nn.Module, x: Tensor, y: Tensor, device: str) -> float:
    """Share of wrong answers, 0..1."""
    right = sum(
        int((network(part.to(device)).argmax(1).cpu() == wanted).sum())
        for part, wanted in zip(x.split(500), y.split(500), strict=True)
    )
    return 1 - right / len(x)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Train and compare ways to fuse branches on CIFAR.", MODULE)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the runs; continues what lies there"
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
    given = prepare(options.data, options.recipe, options.limit)
    started = time.perf_counter()
    errors = {kind: [] for kind in options.kinds}
    for seed in range(options.seeds):  # seed by seed, so that a stopped comparison is a fair one
        for kind in options.kinds:
            errors[kind].append(run(kind, seed, given, options))
    metrics = {
        {"none": "plain", "lc": "locally connected", "conv": "1x1 convolution"}.get(kind, kind): {
            "error": float(np.mean(values)),
            "deviation": float(np.std(values)),
        }
        for kind, values in errors.items()
    }
    share = f", {len(given[0])} pictures" if options.limit else ""
    return reports.finish(
        reports.Report(
            benchmark=f"fusion, {options.recipe} recipe",
            data="CIFAR-10" if int(given[1].max()) < 10 else "CIFAR-100",
            split=f"width {options.width:g}, {options.epochs:g} epochs{share}, {options.seeds} seeds",
            items=len(given[2]),
            weights="CFN",
            metrics=metrics,
            published=PUBLISHED if options.recipe != "modern" and int(given[1].max()) < 10 else {},
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
