"""Train edge networks: `python -m shared.edges.train pretrain ...`, then `... finetune ...`.

Pre-training uses coarse annotation (borders of segmentation masks, relaxed where Canny detects an edge) and,
if given, the soft edge maps of another detector on unlabelled photos. Fine-tuning uses BSDS500 with one of
three kinds of labels: `plain` (deep supervision as in HED), `canny` and `soft` (relaxed deep supervision).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from shared.core import weights
from shared.edges.training.crops import ExampleSource, sample_batch
from shared.edges.training.examples import (
    LABELS,
    bsds_examples,
    coarse_examples,
    load_soft_detector,
    soft_examples,
)
from shared.edges.training.losses import mixed_loss
from shared.networks.fcfn import FCFNEdges
from shared.networks.rds import RDS, VGG16Edges
from shared.training.loop import LoopSettings, adamw, fit, seed_everything, step_seed
from shared.training.pretrained import load_backbone_weights

EdgeNetwork: TypeAlias = RDS | FCFNEdges


def new_network(kind: str, base: str, start: Path | None) -> EdgeNetwork:
    """Create a network, from random weights or from those of a file.

    Args:
        kind: `"rds"` or `"fcfn"`.
        base: Base of an `RDS` network, see there.
        start: Weight folder of an `RDS` network, ImageNet weights of the backbone (safetensors), or None. An
            FCFN takes the weights that it shares with the `RDS` network.
    """
    network: EdgeNetwork = FCFNEdges() if kind == "fcfn" else RDS(base=base)
    if start is None:
        return network
    if not start.is_dir():
        load_backbone_weights(backbone_of(network), start)
        return network
    rds = weights.load(RDS, str(start), folder=start)
    if isinstance(network, RDS):
        return rds
    state = rds.net.state_dict()
    network.net.load_state_dict({name: state[name] for name in network.net.state_dict()})
    return network


def backbone_of(network: EdgeNetwork) -> nn.Module:
    """Return the part of an edge network that starts from ImageNet weights."""
    net = network.net
    return net.stages if isinstance(net, VGG16Edges) else net.base


def train(
    sources: Sequence[ExampleSource], network: EdgeNetwork, args: argparse.Namespace, *, balanced: bool
) -> EdgeNetwork:
    """Train on crops from `sources` and save the result to `args.out/weights`.

    Args:
        sources: Examples of a batch.
        network: The network, trained in place.
        args: Arguments of the command.
        balanced: See `mixed_loss`.
    """
    settings = LoopSettings(
        steps=args.steps,
        out=args.out,
        device=args.device,
        seed=args.seed,
        bf16=args.device != "cpu",
        workers=args.workers,
    )

    def make_batch(step: int) -> tuple[Tensor, ...]:
        return sample_batch(sources, size=args.size, seed=step_seed(args.seed, step))

    def loss(network: EdgeNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        images, targets, soft = batch
        logits = network(images.contiguous(memory_format=torch.channels_last))
        return mixed_loss(logits, targets, soft, balanced=balanced)

    optimizer = adamw(network, pretrained=backbone_of(network), rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, settings)
    weights.save(trained, args.out / "weights")
    return trained


def pretrain(args: argparse.Namespace) -> None:
    """Train on coarse annotation and soft maps."""
    seed_everything(args.seed)  # parts of the network start at random
    sources = []
    if args.coarse:
        sources.append(ExampleSource(coarse_examples(args.coarse, args.coarse_scale), 1))
    if args.soft:
        sources.append(ExampleSource(soft_examples(args.soft), args.batch - len(sources)))
    if not sources:
        raise SystemExit("pretrain needs --coarse DIR, --soft DIR or both")
    train(sources, new_network(args.network, args.base, args.start), args, balanced=False)


def finetune(args: argparse.Namespace) -> None:
    """Train on BSDS500, and on soft maps if given."""
    seed_everything(args.seed)
    soft_detector = None
    if args.labels == "soft":
        if not args.detector:
            raise SystemExit("--labels soft needs --detector FOLDER, the weights whose maps relax the labels")
        soft_detector = load_soft_detector(args.detector, args.device)
    soft_count = args.batch // 2 if args.soft else 0
    labelled = bsds_examples(args.data, args.split, args.labels, soft_detector)
    sources = [ExampleSource(labelled, args.batch - soft_count)]
    if args.soft:
        sources.append(ExampleSource(soft_examples(args.soft), soft_count))
    network = new_network(args.network, args.base, args.start)
    train(sources, network, args, balanced=args.loss == "balanced")


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("pretrain", pretrain), ("finetune", finetune)):
        command = commands.add_parser(name, help=function.__doc__)
        command.set_defaults(run=function)
        add = command.add_argument
        add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
        add("--network", choices=("rds", "fcfn"), default="rds")
        add("--base", default="mobilenet_v2", help="of rds: mobilenet_v2 or vgg16")
        add("--start", type=Path, help="weight folder, or ImageNet weights of the backbone (safetensors)")
        add("--soft", type=Path, help="folder with images/ and maps/ (8-bit edge maps of any detector)")
        add("--steps", type=int, default=6000 if name == "pretrain" else 3000)
        add("--batch", type=int, default=4)
        add("--size", type=int, default=320, help="side of the crops in pixels")
        add("--rate", type=float, default=1e-3 if name == "pretrain" else 3e-4, help="learning rate")
        add("--device", default="cpu")
        add("--seed", type=int, default=0)
        add("--workers", type=int, default=1, help="threads that prepare batches")
    pretraining, finetuning = commands.choices["pretrain"], commands.choices["finetune"]
    pretraining.add_argument(
        "--coarse", type=Path, help="segmentation set with images/train and labels/train"
    )
    pretraining.add_argument(
        "--coarse-scale", type=float, default=1.5, help="factor on the size of its images"
    )
    finetuning.add_argument("--data", type=Path, required=True, help="BSDS500")
    finetuning.add_argument("--split", default="train+val")
    finetuning.add_argument("--labels", choices=LABELS, default="soft")
    finetuning.add_argument("--loss", choices=("relaxed", "balanced"), default="relaxed")
    finetuning.add_argument("--detector", help="weight folder of the soft detector")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments()
    arguments.run(arguments)
