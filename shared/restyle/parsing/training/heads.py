"""Heads of people, from near, as supervision of clothes parsing.

Street photos show small heads, and a network that has learned from them alone takes a cheek that fills the
photo for fabric. A public network (Takahashi, "Skin-Clothes-Hair-Segmentation-using-SMP", 2021, MIT licence;
PAN with 1.0 M parameters) separates skin, clothes and hair where a head is large, so each head of a photo is
enlarged for it. It is needed for training alone: `pip install openvino`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from shared.restyle.parsing.training.examples import BACKGROUND, class_set
from shared.restyle.parsing.training.teachers import People
from shared.training.pretrained import PackageError

SIDE = 512  # of the network's input
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FACE_PARTS = 2  # the first body parts of BodyPix
MIN_FACE = 16  # side of a face in pixels, below which it is left alone
MAX_HEADS = 6  # of a photo, the largest
MARGIN = 0.9  # of a face's side, on each side of it
SURE = 0.8  # probability from which a pixel is taken for skin, clothes or hair
SPECK = 2  # half the width in pixels of parts that are too small to be believed, such as lips of cloth

#: Possible classes where the network is sure, in the order of its channels.
HEAD_SETS = tuple(
    class_set(names) for names in (["skin"], ["top", "outerwear", "dress", "accessory"], ["hair"])
)


class HeadTeacher:
    """Network that finds skin, clothes and hair of a person seen from near.

    Args:
        path: ONNX file of the network.

    Raises:
        PackageError: OpenVINO is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import openvino
        except ImportError as error:
            raise PackageError(f"the teachers need a package ({error}): pip install openvino") from error
        options = {"INFERENCE_NUM_THREADS": 1}
        self._network = openvino.Core().compile_model(str(path), "CPU", options)

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Return the probabilities of skin, clothes and hair.

        Args:
            image: Mode RGB, a head with its surroundings.

        Returns:
            float32 `[3, H, W]`, 0..1.
        """
        square = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        values = (np.asarray(square, np.float32) / 255 - MEAN) / DEVIATION
        maps = np.asarray(self._network(values.transpose(2, 0, 1)[None].astype(np.float32))[0])[0]
        planes = [Image.fromarray(plane).resize(image.size, Image.Resampling.BILINEAR) for plane in maps]
        return np.stack([np.asarray(plane) for plane in planes])


def head_boxes(people: People, min_person: float = 0.7) -> list[tuple[int, int, int, int]]:
    """Return the boxes of heads with their surroundings: left, top, right and bottom, in pixels.

    Args:
        people: See `shared.restyle.parsing.training.teachers.People`.
        min_person: Probability of a person from which a pixel counts.
    """
    face = (people.part < FACE_PARTS) & (people.bodypix > min_person)
    labels, _ = ndimage.label(face)
    height, width = face.shape
    boxes = []
    for rows, columns in ndimage.find_objects(labels):
        side = max(rows.stop - rows.start, columns.stop - columns.start)
        if side < MIN_FACE:
            continue
        margin = round(MARGIN * side)
        boxes.append(
            (
                max(columns.start - margin, 0),
                max(rows.start - margin, 0),
                min(columns.stop + margin, width),
                min(rows.stop + margin, height),
            )
        )
    return sorted(boxes, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))[:MAX_HEADS]


def restrict_by_heads(
    sets: np.ndarray, image: Image.Image, people: People, teacher: Callable[[Image.Image], np.ndarray]
) -> np.ndarray:
    """Intersect the sets of people's pixels with what the network sees around their heads.

    Args:
        sets: uint16 `[H, W]`.
        image: The photo, mode RGB.
        people: The people in it.
        teacher: The network.

    Returns:
        uint16 `[H, W]`.
    """
    restricted = sets.copy()
    for left, top, right, bottom in head_boxes(people):
        part = restricted[top:bottom, left:right]
        for plane, possible in zip(teacher(image.crop((left, top, right, bottom))), HEAD_SETS, strict=True):
            sure = ndimage.binary_opening(plane > SURE, iterations=SPECK)
            usable = sure & (part & BACKGROUND == 0) & (part & possible > 0)
            part[usable] &= np.uint16(possible)
    return restricted
