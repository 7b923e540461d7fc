"""Trains edge networks: `python -m shared.edges.train pretrain ...`, then `... finetune ...`.

Pre-training sees coarse annotation (borders of segmentation masks, relaxed where Canny fires) and, where
given, the soft edge maps that another detector made of unlabelled photos. Fine-tuning sees BSDS500 with one
of three kinds of
labels: `plain` (deep supervision as in HED), `canny` and `soft` (relaxed deep supervision).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.edges.training import labels as make
from shared.edges.training.bsds import read_bsds
from shared.edges.training.crops import Example, Source, sample_batch
from shared.networks.fcfn import FCFNEdges
from shared.networks.rds import RDS, SIDES, balanced_loss, relaxed_loss
from shared.training.datasets import read_annotated_images
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.training.pretrained import load_backbone_weights

EdgeNetwork = RDS | FCFNEdges

# A side output learns to score its own stage; the fusion is what is used.
SIDE_WEIGHT = 0.3


def output_losses(logits: Tensor, targets: Tensor, soft: Tensor, *, balanced: bool) -> Tensor:
    """Loss of a mixed batch: labels by `relaxed_loss` or `balanced_loss`, soft maps by cross-entropy.

    Args:
        logits: `[B, 6, H, W]`.
        targets: `[B, 6, H, W]`, labels 0, 1, 2 or strengths in 0..1.
        soft: bool `[B]`, which of the two.
        balanced: per-picture balance of HED instead of the fixed weights of RDS.

    Returns:
        Scalar: per pixel, averaged over the batch, side outputs weighed by `SIDE_WEIGHT`.
    """
    pixels = logits.shape[-1] * logits.shape[-2]
    hard = balanced_loss if balanced else relaxed_loss
    # HED's two classes sum to the share of edges and non-edges, about a tenth of what 9 : 1 gives.
    hard_scale = 8.0 if balanced else 1.0
    output_weights = [SIDE_WEIGHT] * SIDES + [1.0]
    total = logits.new_zeros(())
    for output, weight in enumerate(output_weights):
        z, t = logits[:, output].float(), targets[:, output]
        if not soft.all():
            part = (~soft).float().mean()
            total = total + weight * part * hard_scale * hard(z[~soft], t[~soft]) / pixels
        if soft.any():
            total = total + weight * soft.float().mean() * soft_loss(z[soft], t[soft])
    return total


def soft_loss(logits: Tensor, strength: Tensor) -> Tensor:
    """Cross-entropy against soft maps, per pixel; the strongest edges weigh five times as much as none."""
    return F.binary_cross_entropy_with_logits(logits, strength, 1 + 4 * strength)


def coarse_examples(root: Path, scale: float) -> list[Example]:
    """Borders of the segmentation masks in `root/labels/train` for the photos in `root/images/train`."""
    examples = []
    for pair in read_annotated_images(root / "images" / "train", root / "labels" / "train"):
        image = np.array(pair.image())
        borders = make.region_borders(pair.annotation())
        examples.append(Example(image, make.canny_relaxed(borders, image), scale=scale))
    return examples


def soft_examples(root: Path) -> list[Example]:
    """Photos in `root/images` with 8-bit edge maps of the same names in `root/maps`."""
    pairs = read_annotated_images(root / "images", root / "maps")
    return [Example(np.array(pair.image()), np.array(pair.annotation())[None], soft=True) for pair in pairs]


def bsds_examples(
    root: Path, split: str, kind: str, detector: Callable[[Image.Image], np.ndarray]
) -> list[Example]:
    """BSDS500 photos with plain, Canny-relaxed or soft-relaxed labels."""
    examples = []
    for sample in read_bsds(root, split):
        photo = sample.image()
        image, truth = np.array(photo), make.consensus(sample.boundaries())
        if kind == "plain":
            target = truth[None]
        elif kind == "canny":
            target = make.canny_relaxed(truth, image)
        else:
            target = make.soft_relaxed(truth, detector(photo))
        examples.append(Example(image, target))
    return examples


def soft_detector(folder: str, device: str) -> Callable[[Image.Image], np.ndarray]:
    """The fusion map of trained weights, as the soft detector of the relaxed labels."""
    network = weights.load(RDS, folder, folder=folder).to(device)

    @torch.inference_mode()
    def detect(photo: Image.Image) -> np.ndarray:
        x = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / 255
        return network(x.to(device))[0, -1].sigmoid().cpu().numpy()

    return detect


def start_network(args: argparse.Namespace) -> EdgeNetwork:
    """A new network, or one that starts from a folder of weights or from ImageNet weights of its base.

    An FCFN may start from a folder of RDS weights: it takes over what both networks have.
    """
    network = FCFNEdges() if args.network == "fcfn" else RDS(base=args.base)
    if args.start is None:
        return network
    if not args.start.is_dir():
        load_backbone_weights(base_of(network), args.start)
    elif args.network == "fcfn":
        trunk = weights.load(RDS, str(args.start), folder=args.start).net.state_dict()
        network.net.load_state_dict({name: trunk[name] for name in network.net.state_dict()})
    else:
        network = weights.load(RDS, str(args.start), folder=args.start)
    return network


def base_of(network: EdgeNetwork) -> nn.Module:
    """The part of an edge network that starts from ImageNet weights."""
    return network.net.base if hasattr(network.net, "base") else network.net.stages


def train(
    sources: Iterable[Source], network: EdgeNetwork, args: argparse.Namespace, *, balanced: bool
) -> nn.Module:
    """Runs `core.training.fit` on crops from `sources` and saves the result to `args.out/weights`."""
    sources = list(sources)
    settings = LoopSettings(
        steps=args.steps,
        out=args.out,
        device=args.device,
        seed=args.seed,
        bf16=args.device != "cpu",
        workers=args.workers,
    )

    def make_batch(step: int) -> tuple[Tensor, ...]:
        return sample_batch(sources, size=args.size, seed=args.seed * 1_000_003 + step)

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        images, targets, soft = batch
        logits = network(images.contiguous(memory_format=torch.channels_last))
        return output_losses(logits, targets, soft, balanced=balanced)

    optimizer = adamw(network, pretrained=base_of(network), rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, settings)
    weights.save(trained, args.out / "weights")
    return trained


def pretrain(args: argparse.Namespace) -> None:
    """Coarse annotation and soft maps."""
    seed_everything(args.seed)  # parts of the network start at random
    sources = []
    if args.coarse:
        sources.append(Source(coarse_examples(args.coarse, args.coarse_scale), 1))
    if args.soft:
        sources.append(Source(soft_examples(args.soft), args.batch - len(sources)))
    if not sources:
        raise SystemExit("pretrain needs --coarse DIR, --soft DIR or both")
    train(sources, start_network(args), args, balanced=False)


def finetune(args: argparse.Namespace) -> None:
    """BSDS500, beside soft maps where given."""
    seed_everything(args.seed)
    detector = None
    if args.labels == "soft":
        if not args.detector:
            raise SystemExit("--labels soft needs --detector FOLDER, the weights whose maps relax the labels")
        detector = soft_detector(args.detector, args.device)
    sources = [Source(bsds_examples(args.data, args.split, args.labels, detector), args.batch)]
    if args.soft:
        half = args.batch // 2
        sources = [Source(sources[0].examples, args.batch - half), Source(soft_examples(args.soft), half)]
    train(sources, start_network(args), args, balanced=args.loss == "balanced")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("pretrain", pretrain), ("finetune", finetune)):
        command = commands.add_parser(name, help=function.__doc__)
        command.set_defaults(run=function)
        command.add_argument(
            "--out", type=Path, required=True, help="folder of the run; continues what lies there"
        )
        command.add_argument("--network", choices=("rds", "fcfn"), default="rds")
        command.add_argument("--base", default="mobilenet_v2", help="of rds: mobilenet_v2 or vgg16")
        command.add_argument(
            "--start", type=Path, help="weight folder, or ImageNet weights of the base (safetensors)"
        )
        command.add_argument(
            "--soft", type=Path, help="folder with images/ and maps/ (8-bit edge maps of any detector)"
        )
        command.add_argument("--steps", type=int, default=6000 if name == "pretrain" else 3000)
        command.add_argument("--batch", type=int, default=4)
        command.add_argument("--size", type=int, default=320, help="side of the crops in pixels")
        command.add_argument("--rate", type=float, default=1e-3 if name == "pretrain" else 3e-4)
        command.add_argument("--device", default="cpu")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--workers", type=int, default=1)
    coarse, fine = commands.choices["pretrain"], commands.choices["finetune"]
    coarse.add_argument("--coarse", type=Path, help="segmentation set with images/train and labels/train")
    coarse.add_argument("--coarse-scale", type=float, default=1.5, help="zoom of its photos")
    fine.add_argument("--data", type=Path, required=True, help="BSDS500")
    fine.add_argument("--split", default="train+val")
    fine.add_argument("--labels", choices=("plain", "canny", "soft"), default="soft")
    fine.add_argument("--loss", choices=("relaxed", "balanced"), default="relaxed")
    fine.add_argument("--detector", help="weight folder of the soft detector")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    options.run(options)
