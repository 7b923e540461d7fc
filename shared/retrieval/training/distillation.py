"""Trains a network of ImageNet to see the same photo in its changed copies: `shared.retrieval.train network`.

Every layer learns, on photos without labels, from two things at once. The descriptor of a photo stays near to
the one that the network gave at the start, whatever the size, the shape and the padding; and it comes nearer
to that of the photo from another place (`shared.retrieval.training.views`) than to those of other photos. Where there
are photos of which it is known that they show the same, two of these are such a pair as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from shared.core import weights
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import BLOCKS, MobileNetV1
from shared.networks.backbones.mobilenet_v2 import PADDINGS
from shared.retrieval.descriptor.pooling import POOLINGS, l2_normalise
from shared.retrieval.training.batches import Batch, read_kinds, sample_batch, sample_pairs
from shared.training.datasets import read_images
from shared.training.loop import LoopSettings, cosine_schedule, fit
from shared.training.pretrained import load_backbone_weights, load_imagenet_weights
from shared.training.tflite import read_convolutions

#: What can be trained, by the name of its engine.
NETWORKS = {"lite": EfficientNetLite, "mobilenet": MobileNetV1}
Network = EfficientNetLite | MobileNetV1


def describe(network: Network, x: Tensor, pooling: str = "gem") -> Tensor:
    """Descriptors `[B, D]`: the pooled maps at stride 16 and those at 32, each of length 1.

    Args:
        network: The network.
        x: `[B, 3, H, W]`, RGB in 0..1.
        pooling: One of `shared.retrieval.descriptor.pooling.POOLINGS`.
    """
    return torch.cat([l2_normalise(POOLINGS[pooling](level)) for level in network(x * 2 - 1)[-2:]], 1)


def nearness_loss(x: Tensor, y: Tensor) -> Tensor:
    """How far descriptors are from what they should be: 1 less their cosine, on the average.

    >>> nearness_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
    tensor(1.)
    """
    return (1 - F.cosine_similarity(x, y)).mean()


def contrast_loss(x: Tensor, y: Tensor, temperature: float = 0.1) -> Tensor:
    """InfoNCE of centered descriptors, in both directions: the own partner against those of all others.

    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, equation
    4. What all descriptors of the batch have in common is taken off first, for that is what a whitening does
    later: without it, all cosines are near to 1.

    Args:
        x: `[B, D]`.
        y: of the same shape; row by row the same thing, seen in another way.
        temperature: of the cosines; the lower, the more the hardest of the others count.

    Returns:
        The mean over the batch; 0 where no other comes near.

    >>> x = torch.eye(3)
    >>> bool(contrast_loss(x, x) < 1e-4 < 1 < contrast_loss(x, x.roll(1, 0)))
    True
    """
    center = torch.cat([x, y]).mean(0).detach()
    cosines = F.normalize(x - center, dim=1) @ F.normalize(y - center, dim=1).T / temperature
    own = torch.arange(len(x), device=x.device)
    return (F.cross_entropy(cosines, own) + F.cross_entropy(cosines.T, own)) / 2


def start_network(network: Network, path: Path | None) -> None:
    """Gives a network the weights that it starts from.

    Args:
        network: The network.
        path: The public MobileNetV1 embedding (int8, tflite), or weights of such a network (safetensors);
            None for those of ImageNet that come as a package.

    Raises:
        PackageError: The package is not installed.
        ValueError: There is no path, and no package has weights of such a network.
    """
    if path is None:
        if not isinstance(network, EfficientNetLite):
            raise ValueError("give the file with the weights of MobileNetV1 that the training starts from")
        network.load_state_dict(load_imagenet_weights(2)[0])
    elif path.suffix != ".tflite":
        load_backbone_weights(network, path)
    else:
        layers = [f"blocks.{n}.{step}" for n in range(len(BLOCKS)) for step in ("depthwise", "pointwise")]
        network.load_state_dict(read_convolutions(path, ["stem", *layers]))


def mix(start: Network, trained: Network, share: float) -> Network:
    """A network between two, weight by weight; keeps most of what either is good for.

    Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022.

    Args:
        start: The network before the training.
        trained: The network after it.
        share: Of the trained one, 0..1.
    """
    mixed, first = type(start)(), start.state_dict()
    mixed.load_state_dict(
        {name: first[name].lerp(value, share) for name, value in trained.cpu().state_dict().items()}
    )
    return mixed.eval()


@torch.inference_mode()
def score(network: Network, pairs: Sequence[tuple[Tensor, Tensor]], pooling: str = "gem") -> dict[str, float]:
    """How well changed photos find what they were made of.

    Args:
        network: The network, on the CPU.
        pairs: At least two of `sample_pairs`, of photos that the network has not learned from.
        pooling: See `describe`.

    Returns:
        For each padding, `found`: the share of copies whose nearest photo is their own; and `contrast`: the
        `contrast_loss` among all of them, which still tells networks apart where nearly all are found.
    """
    figures = {}
    for padding in PADDINGS:
        network.set_padding(padding)
        x, y = (
            torch.cat(
                [describe(network, pair[place], pooling) for pair in tqdm(pairs, unit="photo", leave=False)]
            )
            for place in range(2)
        )
        x, y = x - x.mean(0), y - x.mean(0)
        nearest = (l2_normalise(y) @ l2_normalise(x).T).argmax(1)
        figures[f"found, {padding}"] = (nearest == torch.arange(len(x))).float().mean().item()
        figures[f"contrast, {padding}"] = contrast_loss(x, y).item()
    network.set_padding(PADDINGS[0])
    return figures


def network(args: argparse.Namespace) -> Path:
    """Fine-tunes a network, averages it with its start, and tells what photos kept aside say of both."""
    photos, aside = read_images(args.photos), sample_pairs(read_images(args.aside)[: args.aside_limit])
    kinds = read_kinds(read_images(args.same)) if args.same else []
    if len(photos) < args.batch or args.same_count > len(kinds):
        raise SystemExit(
            f"a batch of {args.batch} with {args.same_count} pairs of the same kind needs more than "
            f"{len(photos)} photos and {len(kinds)} kinds"
        )
    teacher, pupil = NETWORKS[args.network](), NETWORKS[args.network]()
    for one in (teacher, pupil):
        start_network(one, args.start)
    teacher.to(args.device, memory_format=torch.channels_last).eval().requires_grad_(False)

    def make_batch(step: int) -> Batch:
        return sample_batch(
            photos,
            batch=args.batch,
            seed=args.seed * 1_000_003 + step,
            kinds=kinds,
            same=args.same_count,
            sizes=args.sizes,
        )

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        # A network that saw only one padding leans on where the zeros are.
        network.set_padding(PADDINGS[int(torch.randint(2, ()))])
        clean, copy, seen = (x.contiguous(memory_format=torch.channels_last) for x in batch)
        with torch.no_grad():
            target = describe(teacher, seen, args.pooling)
        x, y = describe(network, clean, args.pooling), describe(network, copy, args.pooling)
        return nearness_loss(x, target) + args.contrast * contrast_loss(x, y)

    optimizer = torch.optim.AdamW(pupil.parameters(), args.rate, weight_decay=1e-4, fused=True)
    settings = LoopSettings(
        steps=min(args.until or args.steps, args.steps),
        out=args.out,
        device=args.device,
        seed=args.seed,
        warmup=max(args.steps // 10, 1),
        # the averaged weights do not need the end, where hardly anything changes
        schedule=lambda step, warmup, **_: cosine_schedule(step, steps=args.steps, warmup=warmup),
        checkpoint_every=25,
        log_every=10,
        bf16=args.device != "cpu",
    )
    trained = fit(pupil, optimizer, make_batch, loss, settings)
    start = teacher.cpu()
    for share in sorted({0.0, args.share, 1.0}):
        figures = score(mix(start, trained, share), aside, args.pooling)
        print(f"{share:.2f} of the trained network:", {name: round(one, 4) for name, one in figures.items()})
    return weights.save(mix(start, trained, args.share), args.out / "weights")
