"""Training of the segmenters that score translated photos: `python -m shared.translation.train segmenter`.

An FCFN learns the classes of the label drawings from the real photos of a set's training pairs. It is no
engine: the benchmarks apply it to photos that generators made of label drawings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.evaluation.segmentation import confusion_matrix, intersection_over_union
from shared.networks.fcfn import FCFN
from shared.networks.layers import upsample
from shared.training.loop import Batch, LoopSettings, adamw, fit, seed_everything, step_seed
from shared.training.segmentation import initialize, segmentation_loss
from shared.translation.data.pairs import read_pairs, resized_arrays
from shared.translation.palettes import Palette
from shared.translation.tasks import TASKS

SIDE = 256  # of the photos in pixels


def segment(network: FCFN, image: np.ndarray) -> np.ndarray:
    """Return the class ids uint8 `[H, W]` of an image uint8 `[H, W, 3]`."""
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float().div(255)
    x = x.to(next(network.parameters()).device)
    with torch.inference_mode():
        logits = upsample(network(x), (x.shape[-2], x.shape[-1]), FCFN.STRIDE)
    return logits[0].argmax(0).to(torch.uint8).cpu().numpy()


def sample_batch(
    examples: Sequence[tuple[np.ndarray, np.ndarray]], *, batch: int, size: int, seed: int
) -> Batch:
    """Draw random crops, scaled by 0.7 to 1.4, mirrored and with another brightness and contrast.

    Args:
        examples: Photos uint8 `[H, W, 3]` and class ids uint8 `[H, W]`.
        batch: Number of crops.
        size: Side of the crops in pixels.
        seed: Seed, on which alone the batch depends.

    Returns:
        `[batch, 3, size, size]` in 0..1 and int64 ids `[batch, size, size]`.
    """
    generator = np.random.default_rng(seed)
    images, targets = [], []
    for _ in range(batch):
        photo, ids = examples[int(generator.integers(len(examples)))]
        part = round(size / generator.uniform(0.7, 1.4))
        height, width = ids.shape
        part = min(part, height, width)
        top, left = generator.integers(height - part + 1), generator.integers(width - part + 1)
        flip = 1 if generator.random() < 0.5 else -1
        box = slice(top, top + part), slice(left, left + part)
        x = torch.from_numpy(photo[box][:, ::flip].copy()).permute(2, 0, 1).float().div(255)
        y = torch.from_numpy(ids[box][:, ::flip].copy()).float()
        x = F.interpolate(x[None], (size, size), mode="bilinear")[0]
        gain, shift = generator.uniform(0.8, 1.2), generator.uniform(-0.1, 0.1)
        images.append(((x - 0.5) * gain + 0.5 + shift).clamp(0, 1))
        targets.append(F.interpolate(y[None, None], (size, size), mode="nearest")[0, 0].long())
    return torch.stack(images), torch.stack(targets)


def validate(
    network: FCFN, examples: Sequence[tuple[np.ndarray, np.ndarray]], classes: int
) -> dict[str, float]:
    """Return `mIoU` and `pixel_accuracy`, fractions, on pairs of a photo and its class ids `[H, W]`."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for photo, ids in examples:
        matrix += confusion_matrix(ids, segment(network, photo), classes)
    return {
        "mIoU": float(np.nanmean(intersection_over_union(matrix))),
        "pixel_accuracy": float(np.diag(matrix).sum() / matrix.sum()),
    }


def read_examples(
    set_name: str, root: Path, split: str, limit: int | None = None
) -> tuple[list[tuple[np.ndarray, np.ndarray]], Palette]:
    """Read photos and class ids of a set, and its palette.

    Raises:
        ValueError: The set has no label drawings.
    """
    task = TASKS[set_name]
    palette = task.first_palette
    if palette is None:
        raise ValueError(f"the set {set_name} has no label drawings")
    sources = read_pairs(task, root, split)
    step = max(1, len(sources) // limit) if limit else 1
    arrays = resized_arrays(task, sources[::step], SIDE)
    return [(photo, palette.nearest(labels, with_void=True)) for labels, photo in arrays], palette


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line and save the segmenter to `OUT/weights`."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.translation.train segmenter",
        description="Train the segmenter that scores translated photos of a set.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the data set")
    add("--set", choices=[name for name, task in TASKS.items() if task.first_palette], required=True)
    add("--start", type=Path, required=True, metavar="DIR", help="weight folder of another segmenter")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--steps", type=int, default=700)
    add("--batch", type=int, default=2)
    add("--size", type=int, default=224, help="side of the crops in pixels (%(default)s)")
    add("--rate", type=float, default=1e-3, help="learning rate (%(default)s)")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    seed_everything(args.seed)
    training, palette = read_examples(args.set, args.data, "train")
    held_out, _ = read_examples(args.set, args.data, "val", limit=50)
    network = FCFN(classes=len(palette.classes))
    initialize(network, args.start)

    def make_batch(step: int) -> Batch:
        seed = step_seed(args.seed, step)
        return sample_batch(training, batch=args.batch, size=args.size, seed=seed)

    def loss(network: FCFN, batch: Batch) -> Tensor:
        return segmentation_loss(network(batch[0].contiguous(memory_format=torch.channels_last)), batch[1])

    settings = LoopSettings(
        steps=args.steps,
        out=args.out,
        device=args.device,
        seed=args.seed,
        bf16=args.device != "cpu",
        warmup=50,
        average=0.99,
        score="mIoU",
        validate_every=max(args.steps // 4, 1),
        checkpoint_every=100,
    )
    optimizer = adamw(network, pretrained=network.base, rate=args.rate)
    trained = fit(
        network,
        optimizer,
        make_batch,
        loss,
        settings,
        lambda net: validate(net, held_out, len(palette.classes)),
    )
    weights.save(trained, args.out / "weights", config={"labels": [*palette.classes]})
