"""Masks of public networks for photos: `python -m shared.matting.train labels --data DIR --out DIR`.

U2-NetP sees every photo; ISNet, whose masks are finer and cost six times as much, sees a share of those in
which U2-NetP is sure of a subject. Both are kept as training examples (`shared.matting.data.examples`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.core.images import ImageError
from shared.matting.data.examples import Example, store_example
from shared.matting.training.targets import certainty
from shared.matting.training.teachers import Teacher

MIN_CERTAINTY = 0.85  # of the mask of a photo that the second teacher sees


def select(files: Sequence[ImageFile], limit: int | None, seed: int) -> list[ImageFile]:
    """Draw images in random order, so that a run that is stopped has a fair sample."""
    order = np.random.default_rng(seed).permutation(len(files))
    return [files[index] for index in order[:limit]]


def label(file: ImageFile, teachers: dict[str, Teacher], second: bool, folder: Path) -> None:
    """Store an example with the masks that are missing.

    Args:
        file: Photo.
        teachers: `u2netp`, and perhaps `isnet`.
        second: True to ask `isnet` too, where `u2netp` is sure.
        folder: Folder of the examples.
    """
    name = f"{file.folder}-{file.name}".lower().replace(" ", "-").replace(".", "-")
    example = Example(folder / f"{name}.jpg")
    stored = example.sources if example.path.is_file() else frozenset()
    if "u2netp" in stored and not (second and "isnet" in teachers and "isnet" not in stored):
        return
    image = file.open_image()
    masks: dict[str, Image.Image] = {}
    if "u2netp" not in stored:
        masks["u2netp"] = teachers["u2netp"](image)
        saliency = np.asarray(masks["u2netp"], np.float32) / 255
    else:
        saliency = example.mask("u2netp", (320, 320))
    if second and "isnet" in teachers and certainty(saliency) >= MIN_CERTAINTY:
        masks["isnet"] = teachers["isnet"](image)
    if masks:
        store_example(folder, name, image, masks)


def main(arguments: Sequence[str] | None = None) -> None:
    """Label photos from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.matting.train labels", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="folders, archives or lists of photos")
    add("--out", type=Path, required=True, help="folder of the examples")
    add("--u2netp", type=Path, required=True, help="ONNX file of U2-NetP")
    add("--isnet", type=Path, help="ONNX file of ISNet")
    add("--limit", type=int, help="number of photos")
    add("--second", type=float, default=0.25, help="share of photos that ISNet may see (%(default)s)")
    add("--precision", default="bf16", choices=("bf16", "f32"))
    add("--threads", type=int, default=1)
    add("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    paths = {"u2netp": options.u2netp, "isnet": options.isnet}
    teachers = {
        name: Teacher(name, path, threads=options.threads, precision=options.precision)
        for name, path in paths.items()
        if path is not None
    }
    files = select(read_images(options.data), options.limit, options.seed)
    for number, file in enumerate(tqdm(files, unit="photo", mininterval=10)):
        second = int(number * options.second) != int((number + 1) * options.second)
        try:
            label(file, teachers, second, options.out)
        except ImageError as error:
            print(f"{file.path}: {error}")
