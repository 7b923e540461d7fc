"""Training of the drawing network: `python -m shared.translation.train drawing --data DIR --out DIR`.

The network starts from the weights of an edge network and learns the maps that
`shared.translation.data.drawing_targets` computes from photos and the edges of that network.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.image_files import ImageFile, is_image
from shared.core.images import to_tensor
from shared.core.models import load_on_device
from shared.networks.drawing import DrawingNetwork
from shared.networks.rds import RDS
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.translation.data.drawing_examples import drawing_batch, drawing_examples

LINE_WEIGHT = 4.0  # added weight of a pixel on a line
TONE_WEIGHT = 2.0
EDGES = "edges-rds"


def drawing_loss(logits: Tensor, maps: Tensor) -> Tensor:
    """Compute the cross-entropy of the lines, heavier on lines than on paper, and the L1 loss of the tone.

    Args:
        logits: `[B, 3, H, W]`, see `DrawingNetwork`.
        maps: Same shape, targets in 0..1.

    Returns:
        Scalar, 0 or above.
    """
    lines = maps[:, :2]
    cross_entropy = F.binary_cross_entropy_with_logits(logits[:, :2], lines, 1 + LINE_WEIGHT * lines)
    return cross_entropy + TONE_WEIGHT * F.l1_loss(logits[:, 2].sigmoid(), maps[:, 2])


def list_photos(folders: Sequence[Path], limit: int) -> list[ImageFile]:
    """List an equal number of images of every folder, in the order of their names.

    Args:
        folders: Folders of images.
        limit: Largest number of images of a folder.

    Raises:
        FileNotFoundError: A folder has no images.
    """
    files = []
    for folder in folders:
        paths = sorted(filter(is_image, folder.glob("*")))[:limit]
        if not paths:
            raise FileNotFoundError(f"{folder} has no images; --data must name folders of photos")
        files += [ImageFile(path) for path in paths]
    return files


@torch.inference_mode()
def soft_edges(network: RDS, image: Image.Image) -> np.ndarray:
    """Return the soft edges of an image, `[H, W]` in 0..1."""
    device = next(network.parameters()).device
    edges: np.ndarray = network(to_tensor(image).to(device))[0, -1].sigmoid().cpu().numpy()
    return edges


def train(options: argparse.Namespace) -> None:
    """Train and write the weights to `options.out/weights`."""
    seed_everything(options.seed)
    edges, _ = load_on_device(RDS, EDGES, folder=options.edges, device=options.device)
    files = list_photos(options.data, options.photos)
    examples = drawing_examples(files, partial(soft_edges, edges), options.out / "examples")
    network = DrawingNetwork()
    network.load_edge_weights(edges)

    def make_batch(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([options.seed, step])
        batch = drawing_batch(examples, options.batch, options.size, rng)
        return tuple(torch.from_numpy(values) for values in batch)

    def loss(network: DrawingNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        images, maps = batch
        return drawing_loss(network(images.contiguous(memory_format=torch.channels_last)), maps)

    settings = LoopSettings(
        steps=options.steps,
        out=options.out,
        device=options.device,
        seed=options.seed,
        average=0.995,
        checkpoint_every=100,
        log_every=20,
    )
    optimizer = adamw(network, pretrained=network.pyramid.base, rate=options.rate)
    trained = fit(network, optimizer, make_batch, loss, settings)
    weights.save(trained, options.out / "weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the training from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.translation.train drawing", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, metavar="DIR", help="folders of photos")
    add("--out", type=Path, required=True, help="folder of the run, which resumes from its checkpoint")
    add("--edges", type=Path, help=f"weight folder of the edge network in place of {EDGES}")
    add("--photos", type=int, default=400, help="photos of each folder (%(default)s)")
    add("--steps", type=int, default=1000)
    add("--batch", type=int, default=6)
    add("--size", type=int, default=224, help="side of the crops in pixels")
    add("--rate", type=float, default=1.5e-3, help="learning rate")
    add("--device", default="cpu")
    add("--seed", type=int, default=0)
    train(parser.parse_args(arguments))
