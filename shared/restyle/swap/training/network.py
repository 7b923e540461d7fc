"""Training of SwapGAN: `python -m shared.restyle.train swapgan`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from shared.core import weights
from shared.networks.swapgan import SwapGAN, SwapInputs, SwapOutputs
from shared.restyle.swap.ccp import read_figures
from shared.restyle.swap.fabric import Swap, pair_garments, visible_garments
from shared.restyle.swap.figure import Figure
from shared.restyle.swap.inputs import make_inputs
from shared.restyle.swap.training.batches import STORED, BatchSettings, make_batch
from shared.restyle.swap.training.losses import SwapAdversaries
from shared.training.feature_losses import load_fixed_network
from shared.training.gan_loop import GanSettings, fit_gan
from shared.training.loop import seed_everything
from shared.training.stages import parse_stages

FEATURE_DEPTH = 6  # blocks of the fixed network: maps of strides 2, 4 and 8
SHEET_ROWS = 12
LEFT_OUT = ("mask", "pose", "pair")


class SwapSheet:
    """Swaps of validation pairs as an image: reference, source, fabric, results of I, II and III.

    Args:
        figures: People of the validation split.
        out: Folder of the sheets, `samples-STEP.png`.
        pose: See `make_inputs`.
    """

    def __init__(self, figures: Sequence[Figure], out: Path, *, pose: bool = True) -> None:
        rng = np.random.default_rng(0)
        self.inputs: list[SwapInputs] = []
        self.out = out
        while len(self.inputs) < SHEET_ROWS:
            first, second = (figures[index] for index in rng.choice(len(figures), 2, replace=False))
            swap = Swap(first, second, pair_garments(first, second, visible_garments(first)))
            if swap.pairs:
                self.inputs.append(make_inputs(swap, pose=pose))

    @torch.no_grad()
    def __call__(self, network: nn.Module, step: int) -> Mapping[str, float]:
        """Write the sheet of a step and return no figures."""
        device = next(network.parameters()).device
        rows = []
        for cpu_inputs in self.inputs:
            inputs = SwapInputs(*(tensor.to(device) for tensor in cpu_inputs))
            rows.append(_row(inputs, network(inputs)))
        sheet = torch.cat([torch.cat(rows[index::2], 1) for index in (0, 1)], 2)
        pixels = sheet.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(1, 2, 0)
        self.out.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.cpu().numpy()).save(self.out / f"samples-{step:06d}.png")
        return {}


def _row(inputs: SwapInputs, outputs: SwapOutputs) -> Tensor:
    """Return the images of a swap side by side, `[3, H, 6 W]` in -1..1."""
    cells = [inputs.reference, inputs.source, inputs.fabric[:, :3], outputs.person, outputs.image]
    if outputs.classes is not None:
        found = outputs.classes.softmax(1)[:, 3:9].sum(1, keepdim=True)
        cells.append((2 * found - 1).expand(-1, 3, -1, -1))
    return torch.cat([cell[0] for cell in cells], 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line and save the averaged generators to `OUT/weights`."""
    args = _parser().parse_args(arguments)
    seed_everything(args.seed)
    pose, mask, pair = (name not in args.without for name in ("pose", "mask", "pair"))
    features = load_fixed_network(args.features, FEATURE_DEPTH).to(args.device)
    adversaries = SwapAdversaries(
        SwapGAN(args.channels, args.blocks, pose=pose, mask=mask), features, second_pair=pair
    )
    figures = read_figures(args.data, "train", size=STORED)
    settings = BatchSettings(args.batch, args.pairs, pose=pose, seed=args.seed)
    network = fit_gan(
        adversaries,
        partial(make_batch, figures, settings),
        GanSettings(
            stages=args.stages,
            out=args.out,
            device=args.device,
            seed=args.seed,
            rate=args.rate,
            average=0.995,
            pool=0,
            checkpoint_every=args.sample_every,
            sample_every=args.sample_every,
            log_every=25,
        ),
        SwapSheet(read_figures(args.data, "val"), args.out, pose=pose),
    )
    weights.save(network, args.out / "weights")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.restyle.train swapgan", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder of Clothing Co-Parsing")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add(
        "--features",
        type=Path,
        required=True,
        metavar="FILE",
        help="ImageNet weights of MobileNetV2, for a loss on its maps",
    )
    add(
        "--without",
        choices=LEFT_OUT,
        nargs="*",
        default=(),
        help="parts to leave out: generator III, the pose, or the pair of generator I's image",
    )
    add(
        "--stages",
        type=parse_stages,
        default=parse_stages("1000:64,700:128"),
        help="steps and widths of the frames (1000:64,700:128)",
    )
    add("--batch", type=int, default=3, help="examples of one person in each batch (%(default)s)")
    add("--pairs", type=int, default=1, help="examples of two people in each batch (%(default)s)")
    add("--channels", type=int, nargs=3, default=(32, 64, 128), help="at strides 2, 4 and 8 (32 64 128)")
    add("--blocks", type=int, default=3, help="residual blocks of generators I and II (%(default)s)")
    add("--rate", type=float, default=4e-4, help="learning rate (%(default)s)")
    add("--sample-every", type=int, default=200, help="steps between sheets and checkpoints (%(default)s)")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
