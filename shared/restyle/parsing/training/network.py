"""Training of the parsing network: `python -m shared.restyle.train parsing --data DIR ... --out DIR`.

The data are folders of examples, see `shared.restyle.parsing.training.examples`; `DIR:SHARE` sets the
relative chance of a folder. The first must have a class for every pixel. The backbone starts from ImageNet.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from shared.core import weights
from shared.matting.training.network import parse_folder
from shared.networks.parsing import ParsingNetwork
from shared.restyle.parsing.benchmarks.overlap import evaluate
from shared.restyle.parsing.data.ccp import read_ccp
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.parsing.training.batches import ExamplePool, make_batch
from shared.restyle.parsing.training.examples import read_examples
from shared.restyle.parsing.training.losses import class_weights, set_loss
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.training.pretrained import load_imagenet_weights
from shared.training.stages import parse_stages, side_of

SCALE = 0
FROZEN_BLOCKS = 3  # of the pretrained network, after its stem: their gradients take a third of a step


def start_network(folder: Path | None) -> ParsingNetwork:
    """Return the network with the weights of a folder, or with a backbone that knows ImageNet."""
    if folder is not None:
        return weights.load(ParsingNetwork, folder.name, folder=folder).train()
    network = ParsingNetwork(scale=SCALE)
    published, _ = load_imagenet_weights(SCALE)
    network.load_state_dict({k: v for k, v in published.items() if k.startswith("base.")}, strict=False)
    return network


def validation(root: Path) -> Callable[[ParsingNetwork], Mapping[str, float]]:
    """Return a function that measures a network on the val split of Clothing Co-Parsing."""
    photos = read_ccp(root, "val")

    def validate(network: ParsingNetwork) -> Mapping[str, float]:
        figures = evaluate(OutfitParser(network), photos)
        return {name: figures[name] for name in ("mIoU", "pixel_accuracy", "person_IoU")}

    return validate


def train(options: argparse.Namespace) -> None:
    """Train and write the weights to `options.out/weights`."""
    seed_everything(options.seed)
    pools = [
        ExamplePool(read_examples(folder), share, labelled=index == 0)
        for index, (folder, share) in enumerate(options.data)
    ]
    balance = class_weights(example.sets for example in pools[0].examples)
    network = start_network(options.start)
    nn.ModuleList([network.base.stem, *network.base.blocks[:FROZEN_BLOCKS]]).requires_grad_(False)

    def batch(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([options.seed, step])
        images, sets = make_batch(pools, options.batch, side_of(step, options.stages), rng)
        return images, sets

    def loss(network: ParsingNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        images, sets = batch
        logits = network(images.contiguous(memory_format=torch.channels_last))
        return set_loss(logits, sets, balance.to(logits.device))

    settings = LoopSettings(
        steps=sum(stage.steps for stage in options.stages),
        out=options.out,
        device=options.device,
        seed=options.seed,
        warmup=40,
        average=0.99,
        checkpoint_every=100,
        validate_every=options.validate_every,
        score="mIoU" if options.val else None,
        log_every=10,
    )
    optimizer = adamw(network, pretrained=network.base, rate=options.rate)
    trained = fit(network, optimizer, batch, loss, settings, validation(options.val) if options.val else None)
    weights.save(trained, options.out / "weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the training from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.restyle.train parsing", description=__doc__)
    add = parser.add_argument
    add("--data", type=parse_folder, nargs="+", required=True, help="folders of examples, DIR or DIR:SHARE")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--val", type=Path, help="folder of Clothing Co-Parsing, whose val split selects the weights")
    add("--start", type=Path, help="weight folder to start from, in place of ImageNet")
    add(
        "--stages",
        type=parse_stages,
        default=parse_stages("1100:256,500:320"),
        help="steps and sides of the crops (1100:256,500:320)",
    )
    add("--batch", type=int, default=8)
    add("--rate", type=float, default=1.5e-3, help="learning rate (%(default)s)")
    add("--validate-every", type=int, default=400, help="steps between validations (%(default)s)")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    train(parser.parse_args(arguments))
