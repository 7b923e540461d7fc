"""Training of the matting network: `python -m shared.matting.train network --data DIR ... --out DIR`.

The data are folders of examples, see `shared.matting.data.examples`; `DIR:SHARE` sets the relative chance of
a folder. The backbone starts from ImageNet.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.matting.data.examples import list_examples
from shared.matting.training.batches import ExamplePool, make_batch
from shared.networks.matting import MattingNetwork
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.training.pretrained import load_imagenet_weights
from shared.training.stages import parse_stages, side_of

SCALE = 0
FROZEN_BLOCKS = 3  # of the pretrained network, after its stem: their gradients take a third of a step


def matting_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Compute the weighted cross-entropy plus the soft IoU loss of each image.

    `1 - (sum w p t + 1) / (sum w (p + t - p t) + 1)`, as in Qin et al., "BASNet: Boundary-Aware Salient
    Object Detection", CVPR 2019.

    Args:
        logits: `[B, 1, H, W]`.
        target: The same shape, 0..1.
        weight: The same shape, 0..1.

    Returns:
        Scalar, 0 or above.
    """
    cross_entropy = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).mean()
    p = logits.sigmoid()
    overlap = (weight * p * target).sum((1, 2, 3))
    union = (weight * (p + target - p * target)).sum((1, 2, 3))
    return cross_entropy + 0.5 * (weight.mean((1, 2, 3)) * (1 - (overlap + 1) / (union + 1))).mean()


def parse_folder(text: str) -> tuple[Path, float]:
    """Parse a folder and its share, `DIR` or `DIR:SHARE`.

    >>> parse_folder("examples/ccp:2")[1], parse_folder("examples/ccp")[1]
    (2.0, 1.0)
    """
    folder, _, share = text.partition(":")
    try:
        return Path(folder), float(share or 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected DIR or DIR:SHARE, received {text!r}") from error


def start_network(folder: Path | None) -> MattingNetwork:
    """Return the network with the weights of a folder, or with a backbone that knows ImageNet."""
    if folder is not None:
        return weights.load(MattingNetwork, folder.name, folder=folder).train()
    network = MattingNetwork(SCALE)
    published, _ = load_imagenet_weights(SCALE)
    network.load_state_dict({k: v for k, v in published.items() if k.startswith("base.")}, strict=False)
    return network


def train(options: argparse.Namespace) -> None:
    """Train and write the weights to `options.out/weights`."""
    seed_everything(options.seed)
    folders, shares = zip(*options.data, strict=True)
    pool = ExamplePool([list_examples(folder) for folder in folders], shares)
    network = start_network(options.start)
    nn.ModuleList([network.base.stem, *network.base.blocks[:FROZEN_BLOCKS]]).requires_grad_(False)

    def batch(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([options.seed, step])
        values = make_batch(pool, options.batch, side_of(step, options.stages), rng)
        return tuple(torch.from_numpy(array) for array in values)

    def loss(network: MattingNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        images, target, weight = batch
        return matting_loss(network(images.contiguous(memory_format=torch.channels_last)), target, weight)

    settings = LoopSettings(
        steps=sum(stage.steps for stage in options.stages),
        out=options.out,
        device=options.device,
        seed=options.seed,
        warmup=40,
        average=0.99,
        checkpoint_every=50,
        log_every=10,
    )
    optimizer = adamw(network, pretrained=network.base, rate=options.rate)
    trained = fit(network, optimizer, batch, loss, settings)
    weights.save(trained, options.out / "weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the training from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.matting.train network", description=__doc__)
    add = parser.add_argument
    add("--data", type=parse_folder, nargs="+", required=True, help="folders of examples, DIR or DIR:SHARE")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--start", type=Path, help="weight folder to start from, in place of ImageNet")
    add(
        "--stages",
        type=parse_stages,
        default=parse_stages("900:192,300:256"),
        help="steps and sides of the crops (900:192,300:256)",
    )
    add("--batch", type=int, default=12)
    add("--rate", type=float, default=1.5e-3, help="learning rate (%(default)s)")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    train(parser.parse_args(arguments))
