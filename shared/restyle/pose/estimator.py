"""Pose of a person in photos: the network on a crop around the person."""

from __future__ import annotations

import time

import numpy as np
import torch
from PIL import Image

from shared.core.images import Box, ImageError, Source, open_image, to_tensor
from shared.core.predictors import NetworkPredictor
from shared.networks.pose import JOINTS, MIRRORED, STRIDE, PoseNetwork, locate_joints
from shared.restyle.pose.crops import Crop
from shared.restyle.pose.skeleton import MIN_JOINTS, MIN_SCORE, Joint, Pose


class PoseEstimator(NetworkPredictor[PoseNetwork]):
    """Finds the joints of one person in photos of any size. Safe to call from many threads at once.

    Args:
        network: The network on its device, in eval mode.
    """

    NETWORK = PoseNetwork
    WEIGHTS = "restyle-pose"

    def __call__(self, image: Source, box: Box | None = None) -> Pose:
        """Find the joints of a person.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            box: Left, top, right and bottom of the person in pixels of the image, such as that of a
                `shared.restyle.parsing.outfit.Person`. Without it the whole image is searched, and then the
                part around the joints that are in sight.

        Raises:
            ImageError: The image cannot be used, or the box holds no pixel.
        """
        started = time.perf_counter()
        image = open_image(image)
        if box is None:
            joints = self.joints(image, Crop.around((0, 0, *image.size), margin=1.0))
            box = box_of(joints, image.size)
        else:
            _check_box(box, image.size)
        joints = self.joints(image, Crop.around(box))
        rows = [Joint(name, *map(float, row)) for name, row in zip(JOINTS, joints, strict=True)]
        return Pose(image, rows, box, seconds=time.perf_counter() - started)

    @torch.inference_mode()
    def joints(self, image: Image.Image, crop: Crop) -> np.ndarray:
        """Locate the joints in a crop.

        Args:
            image: Mode RGB.
            crop: Part of the image around a person.

        Returns:
            float64 `[17, 3]`: x and y in pixels of the image, and the score in 0..1.
        """
        x = to_tensor(crop.cut(image)).to(self._device)
        # A left hand is a right one in the mirror: the mean over both is surer.
        x = torch.cat([x, x.flip(-1)]).contiguous(memory_format=torch.channels_last)
        with self._lock:
            maps = self._compiled(x).float().sigmoid()
        mean = (maps[:1] + maps[1:].flip(-1)[:, [*MIRRORED]]) / 2
        rows = locate_joints(mean)[0].cpu().numpy().astype(np.float64)
        points = crop.to_image((rows[:, :2] + 0.5) * STRIDE)
        return np.column_stack([points, rows[:, 2].clip(0, 1)])


def box_of(joints: np.ndarray, size: tuple[int, int]) -> Box:
    """Return the box around the joints in sight, with room for head and feet.

    Args:
        joints: `[17, 3]`: x, y and score.
        size: Width and height of the image, which is the box if too few joints are in sight.
    """
    visible = joints[joints[:, 2] >= MIN_SCORE, :2]
    if len(visible) < MIN_JOINTS:
        return 0.0, 0.0, float(size[0]), float(size[1])
    (left, top), (right, bottom) = visible.min(0), visible.max(0)
    room = 0.08 * max(right - left, bottom - top)
    return float(left - room), float(top - room), float(right + room), float(bottom + room)


def _check_box(box: Box, size: tuple[int, int]) -> None:
    left, top, right, bottom = box
    if not (left < right and top < bottom and right > 0 and bottom > 0 and left < size[0] and top < size[1]):
        raise ImageError(f"The box of the person must lie in the picture of {size}, received {tuple(box)}.")
