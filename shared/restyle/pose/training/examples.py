"""Training examples of the pose network: photos of a person with joints.

A folder has `NAME.jpg`, and `joints.jsonl` with a line for each: `name`, `box`, `points` and `states`, in
pixels of the stored photo (see `shared.restyle.pose.training.teachers.Joints`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.images import Box
from shared.restyle.pose.training.teachers import Joints

TABLE = "joints.jsonl"
MAX_SIDE = 420  # of a stored photo, in pixels
AROUND = 2.0  # of the person's box, which the stored photo keeps


@dataclass(frozen=True)
class PoseExample:
    """Photo of a person with joints.

    Attributes:
        name: Name of the photo.
        image: Mode RGB, in memory.
        joints: In pixels of the photo.
    """

    name: str
    image: Image.Image
    joints: Joints


def store_example(folder: Path, name: str, image: Image.Image, joints: Joints) -> None:
    """Store the part of a photo around a person.

    Args:
        folder: Folder of the examples.
        name: Name of the file.
        image: Mode RGB.
        joints: In pixels of the image.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left, top, right, bottom = _around(joints.box, image.size)
    part = image.crop((left, top, right, bottom))
    scale = min(1.0, MAX_SIDE / max(part.size))
    part.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC)
    part.save(folder / f"{name}.jpg", quality=93)
    shift = np.array([left, top])
    row = {
        "name": name,
        "box": (np.reshape(joints.box, (2, 2)) - shift).ravel() * scale,
        "points": (joints.points - shift) * scale,
        "states": joints.states,
    }
    plain = {key: value if isinstance(value, str) else value.round(2).tolist() for key, value in row.items()}
    with (folder / TABLE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(plain) + "\n")


def read_examples(folder: Path) -> list[PoseExample]:
    """Read all examples of a folder into memory.

    Raises:
        FileNotFoundError: There are none.
    """
    if not (folder / TABLE).is_file():
        raise FileNotFoundError(f"{folder} holds no examples")
    examples = []
    for line in (folder / TABLE).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        joints = Joints(
            tuple(row["box"]), np.array(row["points"], np.float32), np.array(row["states"], np.int8)
        )
        image = Image.open(folder / f"{row['name']}.jpg").convert("RGB")
        examples.append(PoseExample(row["name"], image, joints))
    return examples


def _around(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return a larger box around a box, inside an image."""
    left, top, right, bottom = box
    x, y, reach = (left + right) / 2, (top + bottom) / 2, AROUND * max(right - left, bottom - top) / 2
    return (
        max(int(x - reach), 0),
        max(int(y - reach), 0),
        min(int(x + reach), size[0]),
        min(int(y + reach), size[1]),
    )
