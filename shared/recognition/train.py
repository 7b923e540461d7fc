"""Training of recognition's networks: `python -m shared.recognition.train classify|fuse|segment ...`.

`classify` initializes a CFN with ImageNet's MobileNetV2 and distils that teacher into all of its layers, on
images without labels. `fuse` trains the side branches and the fusion alone, on a backbone that stays as
published, see `shared.recognition.training.frozen_fusion`. `segment` trains an FCFN on annotated images and,
optionally, on pseudo-labels. The comparison of fusions on CIFAR is a benchmark
(`python -m shared.recognition.benchmark fusion`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from shared.core import weights
from shared.core.image_files import read_images
from shared.networks.backbones.mobilenet_v2 import PADDINGS
from shared.networks.cfn import CFN
from shared.networks.fcfn import FCFN
from shared.networks.layers import FUSIONS
from shared.recognition.data.datasets import read_segmentation_dataset
from shared.recognition.training.distillation import ViewSettings, distillation_loss, sample_views
from shared.recognition.training.frozen_fusion import (
    FusionExamples,
    compute_branches,
    extract_examples,
    fusion_loss,
    published_network,
    sample_batch,
    score_branches,
    shrink_fusion,
    start_fusion,
)
from shared.recognition.training.teacher import Teacher
from shared.training.loop import Batch, LoopSettings, adamw, fit, seed_everything, step_seed
from shared.training.segmentation import class_weights, initialize, segmentation_loss
from shared.training.segmentation_crops import ExamplePool, class_frequencies, sample_crops

# Sides of the student's views in pixels, one for each batch; the teacher's size most often.
STUDENT_SIZES = (160, 192, 224, 224, 256, 288)
CLEAN_PROBABILITY = 1 / 3


def classify(args: argparse.Namespace) -> None:
    """Distil an ImageNet teacher into a CFN, or into the same network without fusion.

    The side branches start at random, next to a backbone that already gives the teacher's outputs. Trained
    together from the first step they would stay as they are, so they first train alone, at a higher rate.
    """
    seed_everything(args.seed)  # the side branches start at random
    images = read_images(args.images)
    teacher = Teacher(args.teacher).to(args.device).to(memory_format=torch.channels_last)
    network = teacher.initialize(CFN(fusion=args.fusion))
    views = ViewSettings(args.batch, STUDENT_SIZES, Teacher.SIZE, CLEAN_PROBABILITY)

    def make_batch(step: int) -> Batch:
        return sample_views(images, views, seed=step_seed(args.seed, step))

    def loss(network: CFN, batch: Batch) -> Tensor:
        # Random, because a network trained with one padding relies on its zeros: 4 in 10 predictions change
        # with it.
        network.base.set_padding(PADDINGS[int(torch.randint(2, ()))])
        student_views, teacher_views = (view.contiguous(memory_format=torch.channels_last) for view in batch)
        with torch.no_grad():
            target = teacher(teacher_views).float()
        return distillation_loss(network(student_views).float(), target)

    settings = loop_settings(args)
    if network.fusion is not None and args.side_steps:
        network.requires_grad_(False)
        sides = [*network.sides.parameters(), *network.fusion.parameters()]
        for parameter in sides:
            parameter.requires_grad_()
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(sides, args.side_rate, fused=True)
        side_settings = replace(settings, steps=args.side_steps, out=args.out / "sides", average=None)
        network = fit(network, optimizer, make_batch, loss, side_settings).requires_grad_()
    optimizer = adamw(network, pretrained=network.base, rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, settings)
    weights.save(trained, args.out / "weights")


def fuse(args: argparse.Namespace) -> None:
    """Train the fusion of a CFN whose backbone, head and classifier are frozen, on maps computed once."""
    seed_everything(args.seed)  # the side branches start at random
    network = weights.load(CFN, str(args.start), folder=args.start) if args.start else published_network()
    examples, validation = (
        _examples(network, args, name, sources)
        for name, sources in (("images", args.images), ("validation", args.validation))
    )
    targets = examples.targets()
    parameters = start_fusion(network)

    def make_batch(step: int) -> Batch:
        return sample_batch(examples, targets, args.batch, seed=step_seed(args.seed, step))

    settings = replace(
        loop_settings(args),
        score="log_likelihood",
        validate_every=args.validate_every,
        warmup=0,
        average=None,
    )
    optimizer = torch.optim.AdamW(parameters, args.rate, weight_decay=args.decay)
    trained = fit(
        network,
        optimizer,
        make_batch,
        fusion_loss,
        settings,
        lambda network: score_branches(network, compute_branches(network, validation), validation.labels),
    )
    share = shrink_fusion(trained, validation)
    weights.save(trained, args.out / "weights", quantized=True, metadata={"share": str(share)})


def _examples(
    network: CFN, args: argparse.Namespace, name: str, sources: Sequence[str | Path]
) -> FusionExamples:
    path = args.out / f"{name}.pt"
    if path.exists():
        return FusionExamples.load(path)
    examples = extract_examples(network, read_images(sources), args.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    examples.save(path)
    return examples


def segment(args: argparse.Namespace) -> None:
    """Train an FCFN on annotated images and, in a part of each batch, on pseudo-labels of another network."""
    seed_everything(args.seed)  # all but the backbone starts at random
    dataset = read_segmentation_dataset(args.data, args.split)
    examples = dataset.load(args.scale)
    pools = [ExamplePool(examples, args.batch)]
    if args.pseudo:
        pseudo = read_segmentation_dataset(args.pseudo, "train").load(args.scale)
        pools = [
            ExamplePool(examples, args.batch - args.pseudo_per_batch),
            ExamplePool(pseudo, args.pseudo_per_batch),
        ]
    weight = class_weights(class_frequencies(examples, len(dataset.classes))) if args.balanced else None
    network = FCFN(len(dataset.classes), args.fuse, args.fusion, args.dilated)
    initialize(network, args.start)

    def make_batch(step: int) -> Batch:
        return sample_crops(pools, size=args.crop_size, seed=step_seed(args.seed, step))

    def loss(network: FCFN, batch: Batch) -> Tensor:
        images, ids = batch
        logits = network(images.contiguous(memory_format=torch.channels_last)).float()
        return segmentation_loss(logits, ids, None if weight is None else weight.to(logits.device))

    optimizer = adamw(network, pretrained=network.base, rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, loop_settings(args))
    background = dataset.classes.index("background") if "background" in dataset.classes else None
    config = {"labels": dataset.classes, "background": background, "size": args.inference_size}
    weights.save(trained, args.out / "weights", config=config)


def loop_settings(args: argparse.Namespace) -> LoopSettings:
    """Return the training loop's settings from the command line."""
    return LoopSettings(
        steps=args.steps,
        out=args.out,
        device=args.device,
        seed=args.seed,
        bf16=args.device != "cpu",
        workers=args.workers,
    )


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line, with one subcommand per network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add_command(
        run: Callable[[argparse.Namespace], None], *, steps: int, batch: int, rate: float
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(run.__name__, help=(run.__doc__ or "").partition("\n")[0])
        command.set_defaults(run=run)
        command.add_argument(
            "--out", type=Path, required=True, help="folder of the run; an interrupted run resumes from it"
        )
        command.add_argument("--steps", type=int, default=steps)
        command.add_argument("--batch", type=int, default=batch, help="images per step")
        command.add_argument("--rate", type=float, default=rate, help="learning rate")
        command.add_argument("--device", default="cpu")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--workers", type=int, default=1, help="threads that prepare batches")
        return command

    _add_classify_options(add_command(classify, steps=2000, batch=16, rate=6e-5))
    _add_fuse_options(add_command(fuse, steps=150, batch=32, rate=4e-4))
    _add_segment_options(add_command(segment, steps=3000, batch=8, rate=1e-3))
    return parser


def _add_classify_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--teacher", type=Path, required=True, help="MobileNetV2 for ImageNet (safetensors)")
    command.add_argument(
        "--images", nargs="+", required=True, help="folders, ZIP archives, or text files with a path per line"
    )
    command.add_argument("--fusion", choices=FUSIONS, default="lc")
    command.add_argument("--side-steps", type=int, default=500, help="steps of the side branches alone")
    command.add_argument("--side-rate", type=float, default=1e-3, help="learning rate of these steps")


def _add_fuse_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--start", type=Path, help="weight folder of a CFN; by default EfficientNet-Lite2 as published"
    )
    command.add_argument("--images", nargs="+", required=True, help="photos without labels")
    command.add_argument("--validation", nargs="+", required=True, help="photos named by their synsets")
    command.add_argument("--size", type=int, default=260, help="side of the network's input in pixels")
    command.add_argument("--decay", type=float, default=1e-2, help="weight decay")
    command.add_argument("--validate-every", type=int, default=50, help="steps between validations")


def _add_segment_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="segmentation set in the layout of PASCAL VOC or CamVid"
    )
    command.add_argument("--split", default="train")
    command.add_argument("--pseudo", type=Path, help="folder with images/ and pseudo-labels in labels/")
    command.add_argument(
        "--pseudo-per-batch", type=int, default=2, help="images of a batch with pseudo-labels"
    )
    command.add_argument(
        "--start",
        type=Path,
        required=True,
        help="weight folder, MobileNetV2 for ImageNet (safetensors), or with --dilated DeepLabV3 (tflite)",
    )
    command.add_argument("--fuse", choices=("scores", "features"), default="scores")
    command.add_argument("--fusion", choices=FUSIONS, default="lc")
    command.add_argument("--dilated", action="store_true", help="keep stride 16, as DeepLabV3 does")
    command.add_argument("--crop-size", type=int, default=320, help="side of the crops in pixels")
    command.add_argument("--scale", type=float, default=1.7, help="mean enlargement of the crops")
    command.add_argument(
        "--inference-size", type=int, default=480, help="longer side of an image in use, in pixels"
    )
    command.add_argument("--balanced", action="store_true", help="weight rare classes more")


if __name__ == "__main__":
    options = build_parser().parse_args()
    options.run(options)
