"""Sample sheets and validation figures of generators during a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from shared.evaluation.segmentation import VOID
from shared.translation.tasks import Task
from shared.translation.training.gan_batches import to_signed

SHEET_ROWS = 6


class Samples:
    """Translations of validation pairs as an image, and figures of them.

    Args:
        task: Task of the pairs.
        pairs: First and second images, uint8 `[H, W, 3]`, of the size of a translation.
        out: Folder of the sheets, `samples-STEP.png`: a row for every pair with the first image, its
            translation, the second image and its translation.
        limit: Number of pairs that are translated.
    """

    def __init__(
        self, task: Task, pairs: Sequence[tuple[np.ndarray, np.ndarray]], out: Path, limit: int = 24
    ) -> None:
        self.task = task
        self.pairs = pairs[:: max(1, len(pairs) // limit)][:limit]
        self.out = out

    @torch.no_grad()
    def __call__(self, network: nn.Module, step: int) -> dict[str, float]:
        """Write the sheet of a step and return the figures.

        Args:
            network: Called with images in -1..1 and a direction.
            step: Number of the step.

        Returns:
            `forward_L1` and `backward_L1`, mean absolute differences in 0..2; `accuracy`, 0..1, of the
            backward translation's colors where the first set has a palette.
        """
        device = next(network.parameters()).device
        rows, forward, backward, accuracy = [], [], [], []
        for first, second in self.pairs:
            x, y = (to_signed(image)[None].to(device) for image in (first, second))
            fake_y, fake_x = network(x, "forward"), network(y, "backward")
            forward.append(F.l1_loss(fake_y, y).item())
            backward.append(F.l1_loss(fake_x, x).item())
            translated = to_levels(fake_x)
            if self.task.first_palette is not None:
                truth = self.task.first_palette.nearest(first, with_void=True)
                hits = self.task.first_palette.nearest(translated) == truth
                accuracy.append(hits[truth != VOID].mean())
            rows.append(np.concatenate([first, to_levels(fake_y), second, translated], 1))
        self.out.mkdir(parents=True, exist_ok=True)
        sheet = np.concatenate(rows[:SHEET_ROWS], 0)
        Image.fromarray(sheet).save(self.out / f"samples-{step:06d}.png")
        figures = {"forward_L1": float(np.mean(forward)), "backward_L1": float(np.mean(backward))}
        return figures | ({"accuracy": float(np.mean(accuracy))} if accuracy else {})


def to_levels(x: Tensor) -> np.ndarray:
    """Convert `[1, 3, H, W]` in -1..1 to uint8 `[H, W, 3]`."""
    levels: np.ndarray = x[0].add(1).mul(127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    return levels
