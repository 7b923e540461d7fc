"""Trains the networks of recognition: `python -m shared.recognition.train classify ...`, `... segment ...`.

`classify` turns ImageNet's MobileNetV2 into a CFN and trains every layer to answer as that teacher does, on
photos without labels. `segment` trains an FCFN on masks drawn by people, beside masks that another network
made of unlabelled photos. The comparison of fusions on CIFAR is a benchmark of its own
(`python -m shared.recognition.benchmark fusion`).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.networks.backbones.mobilenet_v2 import BLOCKS, PADDINGS
from shared.networks.cfn import CFN
from shared.networks.fcfn import FCFN
from shared.networks.layers import FUSIONS, upsample
from shared.recognition.data.datasets import VOID, read_masks
from shared.recognition.training.crops import Source, class_shares, examples, sample_crops
from shared.recognition.training.teacher import Teacher
from shared.recognition.training.views import sample_views
from shared.training.datasets import read_images
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.training.pretrained import load_backbone_weights
from shared.training.tflite import read_convolutions

# Sides of the pupil's views in pixels; each is drawn for a whole batch, the teacher's own most often.
SIZES = (160, 192, 224, 224, 256, 288)
TEMPERATURE = 2.0


def distillation_loss(pupil: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Cross-entropy of softened answers less the teacher's own entropy, times the temperature squared.

    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.

    Args:
        pupil: logits `[B, classes]`.
        teacher: logits of the same shape.
        temperature: what both are divided by; the higher, the more the unlikely classes count.

    Returns:
        The mean over the batch: 0 where both give the same probabilities, else more.

    >>> logits = torch.tensor([[1.0, 2.0]])
    >>> float(distillation_loss(logits, logits + 3))
    0.0
    """
    log_pupil = F.log_softmax(pupil / temperature, 1)
    log_teacher = F.log_softmax(teacher / temperature, 1)
    return F.kl_div(log_pupil, log_teacher, reduction="batchmean", log_target=True) * temperature**2


def classify(args: argparse.Namespace) -> None:
    """Distils the teacher into a CFN, or into the same network without fusion.

    The side branches start at random beside a base that already answers as the teacher does. Trained with it
    from the first step they stay what they were, so they first learn alone, at a higher rate.
    """
    seed_everything(args.seed)  # the side branches start at random
    photos = read_images(args.photos)
    teacher = Teacher(args.teacher).to(args.device, memory_format=torch.channels_last)
    network = teacher.start(CFN(fusion=args.fusion))

    def make_batch(step: int) -> tuple[Tensor, ...]:
        return sample_views(
            photos,
            batch=args.batch,
            sizes=SIZES,
            teacher_size=Teacher.SIZE,
            clean_share=1 / 3,
            seed=args.seed * 1_000_003 + step,
        )

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        # A network that saw only one padding leans on where the zeros are: 4 in 10 answers change with it.
        network.base.set_padding(PADDINGS[int(torch.randint(2, ()))])
        pupil, clean = (views.contiguous(memory_format=torch.channels_last) for views in batch)
        with torch.no_grad():
            target = teacher(clean).float()
        return distillation_loss(network(pupil).float(), target)

    if network.fusion is not None and args.side_steps:
        network.requires_grad_(False)
        sides = [*network.sides.parameters(), *network.fusion.parameters()]
        optimizer = torch.optim.AdamW([one.requires_grad_() for one in sides], args.side_rate, fused=True)
        alone = replace(settings(args), steps=args.side_steps, out=args.out / "sides", average=None)
        network = fit(network, optimizer, make_batch, loss, alone).requires_grad_()
    optimizer = adamw(network, pretrained=network.base, rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, settings(args))
    weights.save(trained, args.out / "weights")


def class_weights(shares: np.ndarray) -> Tensor:
    """Weights that let rare classes count: `1 / ln(1.02 + share)`, scaled to 1 on the average pixel.

    Paszke et al., "ENet", 2016, section 5.1.

    Args:
        shares: `[classes]`, each class's part of all pixels.
    """
    raw = 1 / np.log(1.02 + shares)
    return torch.from_numpy(raw / (raw * shares).sum()).float()


def segmentation_loss(logits: Tensor, ids: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross-entropy of every pixel that has a class, at the photo's resolution.

    Args:
        logits: `[B, classes, h, w]`, cells of `FCFN.STRIDE` pixels.
        ids: int64 `[B, H, W]`, `VOID` where there is no class.
        weight: `[classes]`, see `class_weights`.
    """
    logits = upsample(logits, ids.shape[-2:], FCFN.STRIDE)
    return F.cross_entropy(logits, ids, weight, ignore_index=VOID)


def deeplab_names() -> list[str]:
    """The convolutions of DeepLabV3 on MobileNetV2, in the order in which it runs them."""
    names = ["stem"]
    for index, (expansion, _, _) in enumerate(BLOCKS):
        steps = ["expand"] * (expansion > 1) + ["depthwise", "project"]
        names += [f"blocks.{index}.{step}" for step in steps]
    return [f"base.{name}" for name in names] + ["top", "context", "mix", "scores"]


@torch.no_grad()
def start_as_deeplab(network: FCFN, given: Mapping[str, Tensor]) -> None:
    """Lets a dilated segmenter answer as DeepLabV3 does: its finer branches are silent at first.

    Args:
        network: which fuses scores of as many classes.
        given: weights and biases of `deeplab_names`.
    """
    state = network.state_dict() | {name: value for name, value in given.items() if name[:6] != "scores"}
    coarsest = len(network.branches) - 1
    for index in range(len(network.branches)):
        for key in ("weight", "bias"):
            score = given[f"scores.{key}"]
            state[f"branches.{index}.{key}"] = (
                score if index == coarsest else torch.zeros_like(network.branches[index].get_parameter(key))
            )
    state["fusion.weight"] = torch.ones_like(network.fusion.weight)
    network.load_state_dict(state)


def start_network(network: FCFN, start: Path) -> None:
    """Gives a segmenter the weights that it starts from.

    Args:
        start: ImageNet weights of its base (safetensors); for a dilated one DeepLabV3 on MobileNetV2 (int8,
            tflite); or a weight folder of another segmenter, of which it takes all that has the same shape.
            Scores of other classes start anew.
    """
    if start.suffix == ".tflite":
        start_as_deeplab(network, read_convolutions(start, deeplab_names()))
        return
    if not start.is_dir():
        load_backbone_weights(network.base, start)
        return
    own, given = network.state_dict(), weights.load(FCFN, str(start), folder=start).state_dict()
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict({**own, **fitting})


def segment(args: argparse.Namespace) -> None:
    """Masks drawn by people, and in a part of each batch masks that another network made, where given."""
    seed_everything(args.seed)  # all but the base starts at random
    masks = read_masks(args.data, args.split)
    sources = [Source(examples(masks, args.scale), args.batch)]
    if args.pseudo:
        made = examples(read_masks(args.pseudo, "train"), args.scale)
        sources = [Source(sources[0].examples, args.batch - args.made), Source(made, args.made)]
    weight = class_weights(class_shares(sources[0].examples, len(masks.classes))) if args.balanced else None
    network = FCFN(len(masks.classes), args.fuse, args.fusion, args.dilated)
    start_network(network, args.start)

    def make_batch(step: int) -> tuple[Tensor, ...]:
        return sample_crops(sources, size=args.size, seed=args.seed * 1_000_003 + step)

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        images, ids = batch
        logits = network(images.contiguous(memory_format=torch.channels_last)).float()
        return segmentation_loss(logits, ids, None if weight is None else weight.to(logits.device))

    optimizer = adamw(network, pretrained=network.base, rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, settings(args))
    background = masks.classes.index("background") if "background" in masks.classes else None
    config = {"labels": masks.classes, "background": background, "size": args.seen}
    weights.save(trained, args.out / "weights", config=config)


def settings(args: argparse.Namespace) -> LoopSettings:
    """What the training loop needs of the command line."""
    return LoopSettings(
        steps=args.steps,
        out=args.out,
        device=args.device,
        seed=args.seed,
        bf16=args.device != "cpu",
        workers=args.workers,
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, function, *, steps: int, batch: int, rate: float) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=function.__doc__)
        one.set_defaults(run=function)
        one.add_argument(
            "--out", type=Path, required=True, help="folder of the run; continues what lies there"
        )
        one.add_argument("--steps", type=int, default=steps)
        one.add_argument("--batch", type=int, default=batch)
        one.add_argument("--rate", type=float, default=rate)
        one.add_argument("--device", default="cpu")
        one.add_argument("--seed", type=int, default=0)
        one.add_argument("--workers", type=int, default=1)
        return one

    one = command("classify", classify, steps=2000, batch=16, rate=6e-5)
    one.add_argument("--teacher", type=Path, required=True, help="MobileNetV2 for ImageNet (safetensors)")
    one.add_argument(
        "--photos", nargs="+", required=True, help="folders, ZIP archives, or text files with a path a line"
    )
    one.add_argument("--fusion", choices=FUSIONS, default="lc")
    one.add_argument("--side-steps", type=int, default=500, help="in which only the side branches learn")
    one.add_argument("--side-rate", type=float, default=1e-3)

    one = command("segment", segment, steps=3000, batch=8, rate=1e-3)
    one.add_argument("--data", type=Path, required=True, help="segmentation set, see data.read_masks")
    one.add_argument("--split", default="train")
    one.add_argument("--pseudo", type=Path, help="photos in images/ with made masks in labels/")
    one.add_argument("--made", type=int, default=2, help="how many of a batch have made masks")
    one.add_argument(
        "--start",
        type=Path,
        required=True,
        help="weight folder, MobileNetV2 for ImageNet (safetensors), or with --dilated DeepLabV3 (tflite)",
    )
    one.add_argument("--fuse", choices=("scores", "features"), default="scores")
    one.add_argument("--fusion", choices=FUSIONS, default="lc")
    one.add_argument("--dilated", action="store_true", help="keep stride 16, as DeepLabV3 does")
    one.add_argument("--size", type=int, default=320, help="side of the crops in pixels")
    one.add_argument("--scale", type=float, default=1.7, help="zoom at which the photos are seen")
    one.add_argument("--seen", type=int, default=480, help="longer side at which photos will be seen in use")
    one.add_argument("--balanced", action="store_true", help="let rare classes count more")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    options.run(options)
