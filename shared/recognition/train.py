"""Trains the networks of recognition: `python -m shared.recognition.train classify ...`, `... segment ...`.

`classify` turns ImageNet's MobileNetV2 into a CFN and trains every layer to answer as that teacher does, on
photos without labels. `segment` trains an FCFN on masks drawn by people, beside masks that another network
made of unlabelled photos. The comparison of fusions on CIFAR is a benchmark of its own
(`shared.recognition.fusion`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.core.datasets import read_photos
from shared.core.training import Settings, adamw, fit
from shared.networks.cfn import CFN
from shared.networks.mobilenet import PADDINGS
from shared.recognition.teacher import Teacher
from shared.recognition.views import sample_views

# Sides of the pupil's views in pixels; small ones are drawn as often as large ones and cost less.
SIZES = (160, 192, 224, 256, 288)
TEMPERATURE = 2.0


def distillation_loss(pupil: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Cross-entropy of softened answers less the teacher's own entropy, times the temperature squared.

    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.

    Args:
        pupil: logits `[B, classes]`.
        teacher: logits of the same shape.

    >>> logits = torch.tensor([[1.0, 2.0]])
    >>> float(distillation_loss(logits, logits + 3))
    0.0
    """
    log_pupil = F.log_softmax(pupil / temperature, 1)
    log_teacher = F.log_softmax(teacher / temperature, 1)
    return F.kl_div(log_pupil, log_teacher, reduction="batchmean", log_target=True) * temperature**2


def classify(args: argparse.Namespace) -> None:
    """Distils the teacher into a CFN, or into the same network without fusion."""
    photos = read_photos(args.photos)
    teacher = Teacher(args.teacher).to(args.device, memory_format=torch.channels_last)
    network = teacher.start(CFN(fusion=args.fusion))

    def make_batch(step: int) -> tuple[Tensor, ...]:
        return sample_views(
            photos,
            batch=args.batch,
            sizes=SIZES,
            teacher_size=Teacher.SIZE,
            seed=args.seed * 1_000_003 + step,
        )

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        # A network that saw only one padding leans on where the zeros are: 4 in 10 answers change with it.
        network.base.set_padding(PADDINGS[int(torch.randint(2, ()))])
        pupil, clean = (views.contiguous(memory_format=torch.channels_last) for views in batch)
        with torch.no_grad():
            target = teacher(clean).float()
        return distillation_loss(network(pupil).float(), target)

    optimizer = adamw(network, slow=network.base, rate=args.rate)
    trained = fit(network, optimizer, make_batch, loss, settings(args))
    weights.save(trained, args.out / "weights")


def settings(args: argparse.Namespace) -> Settings:
    """What the training loop needs of the command line."""
    return Settings(
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

    one = command("classify", classify, steps=3000, batch=16, rate=3e-4)
    one.add_argument("--teacher", type=Path, required=True, help="MobileNetV2 for ImageNet (safetensors)")
    one.add_argument(
        "--photos", nargs="+", required=True, help="folders, ZIP archives, or text files with a path a line"
    )
    one.add_argument("--fusion", choices=("lc", "conv", "sum", "none"), default="lc")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    options.run(options)
