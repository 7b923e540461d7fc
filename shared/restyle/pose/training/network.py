"""Training of the pose network: `python -m shared.restyle.train pose --data DIR ... --out DIR`.

The data are folders of examples, see `shared.restyle.pose.training.examples`. The backbone starts from
ImageNet.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from shared.core import weights
from shared.networks.pose import PoseNetwork, joint_loss
from shared.restyle.pose.benchmarks.agreement import evaluate
from shared.restyle.pose.estimator import PoseEstimator
from shared.restyle.pose.training.batches import make_batch
from shared.restyle.pose.training.examples import read_examples
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.training.pretrained import load_backbone_weights

FROZEN_BLOCKS = 3  # of the pretrained network, after its stem: their gradients take a third of a step


def start_network(start: Path) -> PoseNetwork:
    """Return the network with the weights of a folder, or with the backbone of a file."""
    if start.is_dir():
        return weights.load(PoseNetwork, start.name, folder=start).train()
    network = PoseNetwork()
    load_backbone_weights(network.base, start)
    return network


def validation(folder: Path) -> Callable[[PoseNetwork], Mapping[str, float]]:
    """Return a function that measures a network on a folder of examples."""
    examples = read_examples(folder)

    def validate(network: PoseNetwork) -> Mapping[str, float]:
        figures = evaluate(PoseEstimator(network), examples)
        return {name: figures[name] for name in ("PCK@0.1", "PCK@0.2")}

    return validate


def train(options: argparse.Namespace) -> None:
    """Train and write the weights to `options.out/weights`."""
    seed_everything(options.seed)
    examples = [example for folder in options.data for example in read_examples(folder)]
    network = start_network(options.start)
    nn.ModuleList([network.base.stem, *network.base.blocks[:FROZEN_BLOCKS]]).requires_grad_(False)

    def batch(step: int) -> tuple[Tensor, ...]:
        return make_batch(examples, options.batch, np.random.default_rng([options.seed, step]))

    def loss(network: PoseNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        images, maps, joint_weights = batch
        logits = network(images.contiguous(memory_format=torch.channels_last))
        return joint_loss(logits, maps, joint_weights)

    settings = LoopSettings(
        steps=options.steps,
        out=options.out,
        device=options.device,
        seed=options.seed,
        warmup=40,
        average=0.99,
        checkpoint_every=100,
        validate_every=options.validate_every,
        score="PCK@0.1" if options.val else None,
        log_every=10,
    )
    optimizer = adamw(network, pretrained=network.base, rate=options.rate)
    trained = fit(network, optimizer, batch, loss, settings, validation(options.val) if options.val else None)
    weights.save(trained, options.out / "weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the training from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.restyle.train pose", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="folders of examples")
    add("--val", type=Path, help="folder of examples that select the weights")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--start", type=Path, required=True, help="ImageNet weights of MobileNetV2, or a weight folder")
    add("--steps", type=int, default=1500)
    add("--batch", type=int, default=16)
    add("--rate", type=float, default=2e-3, help="learning rate (%(default)s)")
    add("--validate-every", type=int, default=300, help="steps between validations (%(default)s)")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    train(parser.parse_args(arguments))
