"""Fine-tuning of an ImageNet backbone for retrieval: `python -m shared.retrieval.train network`.

All layers are trained on unlabelled images by two losses. Distillation keeps the descriptor of an image close
to that of the network at the start, whatever the size, aspect ratio and padding. A contrastive loss draws it
closer to the descriptor of another view of the image (`shared.retrieval.training.augmentation`) than to those
of other images. Where images are known to show the same, two of them are such a pair as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from shared.core import weights
from shared.core.image_files import read_images
from shared.evaluation.reports import positive_int
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import BLOCKS, MobileNetV1
from shared.networks.backbones.mobilenet_v2 import PADDINGS
from shared.retrieval.descriptor.pooling import POOLINGS
from shared.retrieval.training.batches import BatchSettings, group_by_class, sample_batch, sample_pairs
from shared.training.loop import Batch, LoopSettings, cosine_schedule, fit, step_seed
from shared.training.pretrained import load_backbone_weights, load_imagenet_weights
from shared.training.tflite import read_convolutions

Network: TypeAlias = EfficientNetLite | MobileNetV1
#: Trainable networks by the name of their extractor.
NETWORKS: dict[str, type[EfficientNetLite] | type[MobileNetV1]] = {
    "lite": EfficientNetLite,
    "mobilenet": MobileNetV1,
}


def describe(network: Network, x: Tensor, pooling: str = "gem") -> Tensor:
    """Compute descriptors `[B, D]`: the pooled maps at strides 16 and 32, each of unit length.

    Args:
        network: Backbone.
        x: Images `[B, 3, H, W]`, RGB in 0..1.
        pooling: One of `shared.retrieval.descriptor.pooling.POOLINGS`.
    """
    return torch.cat([F.normalize(POOLINGS[pooling](level), dim=-1) for level in network(x * 2 - 1)[-2:]], 1)


def distillation_loss(x: Tensor, y: Tensor) -> Tensor:
    """Compute one minus the cosine of student and teacher descriptors, averaged over the batch.

    >>> distillation_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
    tensor(1.)
    """
    return (1 - F.cosine_similarity(x, y)).mean()


def contrastive_loss(x: Tensor, y: Tensor, temperature: float = 0.1) -> Tensor:
    """Compute InfoNCE of centered descriptors, in both directions.

    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, equation
    4. The mean of the batch is subtracted first, as a whitening does later: without it, all cosines are
    close to 1.

    Args:
        x: Descriptors `[B, D]`.
        y: Descriptors `[B, D]`; row i shows the same as row i of `x`.
        temperature: Temperature of the cosines; the lower, the more the hardest negatives count.

    Returns:
        Mean over the batch; 0 where no negative is close.

    >>> x = torch.eye(3)
    >>> bool(contrastive_loss(x, x) < 1e-4 < 1 < contrastive_loss(x, x.roll(1, 0)))
    True
    """
    center = torch.cat([x, y]).mean(0).detach()
    cosines = F.normalize(x - center, dim=1) @ F.normalize(y - center, dim=1).T / temperature
    positive = torch.arange(len(x), device=x.device)
    return (F.cross_entropy(cosines, positive) + F.cross_entropy(cosines.T, positive)) / 2


def load_initial_weights(network: Network, path: Path | None) -> None:
    """Load the weights from which a network is trained.

    Args:
        network: Network; changed in place.
        path: The public MobileNetV1 embedding (int8, tflite), or weights of such a network (safetensors);
            None for ImageNet weights that come as a package.

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


def interpolate_weights(initial: Network, trained: Network, alpha: float) -> Network:
    """Interpolate two networks weight by weight, which combines the strengths of both.

    Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022, equation 1.

    Args:
        initial: Network before the training.
        trained: Network after it.
        alpha: Weight of the trained network, 0..1.
    """
    network, state = type(initial)(), initial.state_dict()
    network.load_state_dict(
        {name: state[name].lerp(value, alpha) for name, value in trained.cpu().state_dict().items()}
    )
    return network.eval()


@torch.inference_mode()
def validate(
    network: Network, pairs: Sequence[tuple[Tensor, Tensor]], pooling: str = "gem"
) -> dict[str, float]:
    """Measure the retrieval of images by their views.

    Args:
        network: Network on the CPU.
        pairs: At least two pairs of `sample_pairs`, of images that the network was not trained on.
        pooling: See `describe`.

    Returns:
        For each padding, `recall@1`, the fraction of views whose nearest image is their own; and
        `contrastive`, the `contrastive_loss` of all pairs, which still ranks networks where nearly all views
        are found.
    """
    figures = {}
    for padding in PADDINGS:
        network.set_padding(padding)
        x, y = (
            torch.cat(
                [describe(network, pair[side], pooling) for pair in tqdm(pairs, unit="photo", leave=False)]
            )
            for side in range(2)
        )
        x, y = x - x.mean(0), y - x.mean(0)
        nearest = (F.normalize(y, dim=-1) @ F.normalize(x, dim=-1).T).argmax(1)
        figures[f"recall@1, {padding}"] = (nearest == torch.arange(len(x))).float().mean().item()
        figures[f"contrastive, {padding}"] = contrastive_loss(x, y).item()
    network.set_padding(PADDINGS[0])
    return figures


def train_network(args: argparse.Namespace) -> Path:
    """Fine-tune a network, interpolate it with its start, and print validation figures of both."""
    images = read_images(args.photos)
    held_out = sample_pairs(read_images(args.held_out)[: args.held_out_limit])
    classes = group_by_class(read_images(args.classes)) if args.classes else []
    if len(images) < args.batch or args.class_pairs > len(classes):
        raise SystemExit(
            f"a batch of {args.batch} with {args.class_pairs} pairs of the same class needs more than "
            f"{len(images)} photos and {len(classes)} classes"
        )
    teacher, student = NETWORKS[args.network](), NETWORKS[args.network]()
    for network in (teacher, student):
        load_initial_weights(network, args.start)
    teacher.to(args.device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    settings = BatchSettings(args.batch, args.class_pairs, args.sizes)

    def make_batch(step: int) -> Batch:
        return sample_batch(images, settings, step_seed(args.seed, step), classes)

    def loss(network: Network, batch: Batch) -> Tensor:
        # A network that saw only one padding would rely on the position of the zeros.
        network.set_padding(PADDINGS[int(torch.randint(2, ()))])
        image, view, teacher_image = (x.contiguous(memory_format=torch.channels_last) for x in batch)
        with torch.no_grad():
            target = describe(teacher, teacher_image, args.pooling)
        x, y = describe(network, image, args.pooling), describe(network, view, args.pooling)
        return distillation_loss(x, target) + args.contrastive_weight * contrastive_loss(x, y)

    optimizer = torch.optim.AdamW(student.parameters(), args.learning_rate, weight_decay=1e-4, fused=True)
    trained = fit(student, optimizer, make_batch, loss, _loop_settings(args))
    initial = teacher.cpu()
    for alpha in sorted({0.0, args.alpha, 1.0}):
        figures = validate(interpolate_weights(initial, trained, alpha), held_out, args.pooling)
        print(f"alpha {alpha:.2f}:", {name: round(figure, 4) for name, figure in figures.items()})
    return weights.save(interpolate_weights(initial, trained, args.alpha), args.out / "weights")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=train_network)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run, which it resumes from")
    parser.add_argument(
        "--network", choices=list(NETWORKS), default="mobilenet", help="backbone to train (%(default)s)"
    )
    parser.add_argument(
        "--start", type=Path, help="MobileNetV1 for ImageNet (tflite), or weights; others come as packages"
    )
    parser.add_argument(
        "--photos", nargs="+", required=True, help="folders, ZIP archives, photos or lists of these"
    )
    parser.add_argument("--classes", nargs="+", help="photos of which those in one folder show the same")
    parser.add_argument(
        "--class-pairs", type=int, default=0, metavar="N", help="pairs of --classes in a batch (%(default)s)"
    )
    parser.add_argument("--held-out", nargs="+", required=True, help="other photos, for validation")
    parser.add_argument(
        "--held-out-limit",
        type=positive_int,
        default=100,
        metavar="N",
        help="largest number of held-out photos (%(default)s)",
    )
    parser.add_argument("--steps", type=positive_int, default=110, help="steps of the schedule (%(default)s)")
    parser.add_argument("--stop-at", type=positive_int, metavar="STEP", help="end before the schedule does")
    parser.add_argument("--batch", type=positive_int, default=8, help="photos in a batch (%(default)s)")
    parser.add_argument("--sizes", nargs="+", type=positive_int, help="longer sides to draw from, in pixels")
    parser.add_argument(
        "--pooling", choices=list(POOLINGS), default="gem", help="pooling of the maps (%(default)s)"
    )
    parser.add_argument(
        "--learning-rate", type=float, default=5e-5, help="highest learning rate (%(default)s)"
    )
    parser.add_argument(
        "--contrastive-weight", type=float, default=0.5, help="weight of the contrastive loss (%(default)s)"
    )
    parser.add_argument(
        "--alpha",
        type=float,
        default=1.0,
        help="weight of the trained network in the weight average (%(default)s)",
    )
    parser.add_argument("--device", default="cpu", help="device of the training (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (%(default)s)")


def _loop_settings(args: argparse.Namespace) -> LoopSettings:
    """Return the settings of the loop, which may stop early: its end hardly changes averaged weights."""

    def schedule(step: int, *, steps: int, warmup: int) -> float:
        return cosine_schedule(step, steps=args.steps, warmup=warmup)

    return LoopSettings(
        steps=min(args.stop_at or args.steps, args.steps),
        out=args.out,
        device=args.device,
        seed=args.seed,
        warmup=max(args.steps // 10, 1),
        schedule=schedule,
        checkpoint_every=25,
        log_every=10,
        bf16=args.device != "cpu",
    )
