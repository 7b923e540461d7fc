"""Command-line options that the trainings of generators against discriminators share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from shared.training.gan_loop import GanSettings
from shared.training.loop import Batch
from shared.training.stages import parse_stages
from shared.translation.data.pairs import read_pairs, resized_arrays
from shared.translation.tasks import TASKS
from shared.translation.training.gan_batches import JITTER
from shared.translation.training.gan_samples import Samples


def gan_parser(name: str, description: str, *, stages: str, channels: int) -> argparse.ArgumentParser:
    """Build the parser of a training.

    Args:
        name: Name of the training in `shared.translation.train`.
        description: One sentence on the networks.
        stages: Default of `--stages`.
        channels: Default of `--channels` and `--discriminator-channels`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m shared.translation.train {name}", description=description
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the data set")
    add("--set", choices=sorted(TASKS), required=True, help="data set and task")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--side", type=int, default=128, help="shorter side of the images in pixels (%(default)s)")
    add(
        "--stages",
        type=parse_stages,
        default=parse_stages(stages),
        metavar="STEPS:SIDE,...",
        help=f"steps and sizes of the crops, in order ({stages})",
    )
    add("--batch", type=int, default=1)
    add("--channels", type=int, default=channels, help="of the generators' first layer (%(default)s)")
    add("--discriminator-channels", type=int, default=channels, help="likewise (%(default)s)")
    add("--rate", type=float, default=2e-4, help="learning rate (%(default)s)")
    add("--discriminator-rate", type=float, default=1.0, help="factor of the discriminators' (%(default)s)")
    add("--average", type=float, default=0.998, help="decay of the weight average (%(default)s)")
    add("--sample-every", type=int, default=400, help="steps between sample sheets (%(default)s)")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    add("--workers", type=int, default=1, help="threads that prepare batches")
    return parser


def gan_settings(args: argparse.Namespace, *, pool: int) -> GanSettings:
    """Return the settings of a run from its options."""
    return GanSettings(
        stages=args.stages,
        out=args.out,
        device=args.device,
        seed=args.seed,
        rate=args.rate,
        discriminator_rate=args.discriminator_rate,
        average=args.average,
        pool=pool,
        bf16=args.device != "cpu",
        sample_every=args.sample_every,
        workers=args.workers,
    )


def batch_source(
    args: argparse.Namespace, draw: Callable[..., tuple[Tensor, Tensor]]
) -> tuple[Callable[[int, int], Batch], Samples]:
    """Read the images of a run.

    Args:
        args: Options of the run.
        draw: `paired_batch` or `unpaired_batch`.

    Returns:
        Function of step and side that makes a batch, and the samples of the validation pairs.
    """
    task = TASKS[args.set]
    training = resized_arrays(task, read_pairs(task, args.data, "train"), round(args.side * JITTER))
    validation = read_pairs(task, args.data, "val")
    chosen = validation[:: max(1, len(validation) // 24)]
    samples = Samples(task, resized_arrays(task, chosen, args.side), args.out / "samples")
    seeds = np.random.default_rng(args.seed).integers(2**40, size=1)

    def make_batch(step: int, side: int) -> Batch:
        return draw(training, batch=args.batch, side=side, seed=int(seeds[0]) + step)

    return make_batch, samples
