"""Public networks that find the joints of a person, as supervision of the pose network.

BlazePose (Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking", 2020) in its heavy form,
MoveNet Lightning (Google, 2021) and BodyPix (Papandreou et al., "PersonLab", ECCV 2018), as LiteRT files.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from shared.core.images import Box
from shared.restyle.pose.crops import Crop
from shared.training.lite_network import LiteNetwork

#: Landmarks of BlazePose that are the 17 joints of COCO.
LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
HIPS, REACH = 33, 34  # landmarks that say where the person is, and how large
PERSON_LEVEL = 0.7  # of BodyPix
MIN_COVERAGE = 0.03  # of the image that the largest person covers
MAX_RIVAL = 0.4  # of the largest person that another may have

VISIBLE, UNKNOWN, ABSENT = 1, 0, -1


class Joints(NamedTuple):
    """Joints of the main person of an image.

    Attributes:
        box: Left, top, right and bottom of the person.
        points: float32 `[17, 2]`, x and y in pixels.
        states: int8 `[17]`, `VISIBLE` where the networks agree on a place, `ABSENT` where they agree that the
            image does not show it, else `UNKNOWN`.
    """

    box: Box
    points: np.ndarray
    states: np.ndarray


class PoseTeacher:
    """BlazePose, checked by MoveNet.

    Args:
        blazepose: LiteRT file of BlazePose, the network of the landmarks.
        movenet: LiteRT file of MoveNet Lightning.
        bodypix: LiteRT file of BodyPix with raw outputs.

    Raises:
        PackageError: LiteRT is not installed.
    """

    def __init__(self, blazepose: str | Path, movenet: str | Path, bodypix: str | Path) -> None:
        self._blazepose = LiteNetwork(blazepose)
        self._movenet = LiteNetwork(movenet)
        self._bodypix = LiteNetwork(bodypix)

    def __call__(self, image: Image.Image) -> Joints | None:
        """Return the joints of the main person; None without one.

        Args:
            image: Mode RGB.
        """
        box = self.find_person(image)
        if box is None:
            return None
        side = self._blazepose.side
        crop = Crop.around(box, size=(side, side))
        landmarks = self._landmarks(image, crop)
        crop = self._refine(landmarks, side)
        landmarks = self._landmarks(image, crop)
        points, scores = landmarks[[*LANDMARKS], :2], landmarks[[*LANDMARKS], 2]
        points_2, scores_2 = self._movenet_joints(image, box)
        near = np.linalg.norm(points - points_2, axis=1) < 0.035 * crop.scale * side
        states = np.full(len(LANDMARKS), UNKNOWN, np.int8)
        states[(scores > 0.6) & (scores_2 > 0.25) & near] = VISIBLE
        states[(scores < 0.1) & (scores_2 < 0.15)] = ABSENT
        return Joints(box, points.astype(np.float32), states)

    def find_person(self, image: Image.Image) -> Box | None:
        """Return the box of the only large person of an image; None without one."""
        side = self._bodypix.side
        square = image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
        outputs = self._bodypix(np.asarray(square))
        logits = next(output for output in outputs if output.shape[-1] == 1)[..., 0]
        mask = logits > math.log(PERSON_LEVEL / (1 - PERSON_LEVEL))
        components, count = ndimage.label(mask)
        areas = ndimage.sum(mask, components, range(1, count + 1)) / mask.size if count else np.zeros(1)
        largest, *rivals = sorted(areas, reverse=True)
        if largest < MIN_COVERAGE or (rivals and rivals[0] > MAX_RIVAL * largest):
            return None
        rows, columns = ndimage.find_objects(components)[int(np.argmax(areas))]
        across, down = image.width / mask.shape[1], image.height / mask.shape[0]
        return columns.start * across, rows.start * down, columns.stop * across, rows.stop * down

    def _landmarks(self, image: Image.Image, crop: Crop) -> np.ndarray:
        """Return `[39, 3]`: x and y in pixels of the image, and the chance that the joint is in sight."""
        outputs = self._blazepose(np.asarray(crop.cut(image), np.float32) / 255)
        rows = next(output for output in outputs if output.size == 195).reshape(-1, 5)
        visibility, presence = (1 / (1 + np.exp(-rows[:, index])) for index in (3, 4))
        return np.column_stack([crop.to_image(rows[:, :2]), np.minimum(visibility, presence)])

    @staticmethod
    def _refine(landmarks: np.ndarray, side: int) -> Crop:
        """Return the crop that BlazePose expects: hips in the middle, upright, everything inside."""
        hips, reach = landmarks[HIPS, :2], landmarks[REACH, :2]
        across, down = reach - hips
        scale = 2 * math.hypot(across, down) * 1.25 / side
        return Crop(float(hips[0]), float(hips[1]), max(scale, 1e-3), math.atan2(across, -down), (side, side))

    def _movenet_joints(self, image: Image.Image, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """Return points `[17, 2]` in pixels of the image and scores `[17]`."""
        side = self._movenet.side
        crop = Crop.around(box, size=(side, side))
        rows = self._movenet(np.asarray(crop.cut(image)))[0].reshape(-1, 3)
        return crop.to_image(rows[:, 1::-1] * side), rows[:, 2]
