"""Pose: the joints of a person in an image, drawn and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from shared.core.images import Box, encode_image

MIN_SCORE = 0.2  # of a joint that is drawn and told
MIN_JOINTS = 4  # in sight, that tell where a person is
OVERLAY_SIDE = 1024  # of an overlay, in pixels

#: Pairs of joints that a line joins.
LIMBS = (
    *(("left_ear", "left_eye"), ("left_eye", "nose"), ("nose", "right_eye"), ("right_eye", "right_ear")),
    *(("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist")),
    *(("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("left_hip", "right_hip")),
    *(("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"), ("left_hip", "left_knee")),
    *(("left_knee", "left_ankle"), ("right_hip", "right_knee"), ("right_knee", "right_ankle")),
)
LEFT, RIGHT, MIDDLE = (56, 142, 228), (250, 140, 40), (240, 240, 240)


@dataclass(frozen=True)
class Joint:
    """Joint of a person.

    Attributes:
        name: See `shared.networks.pose.JOINTS`; left and right are those of the person.
        x: Column in pixels of the image.
        y: Row in pixels of the image.
        score: 0..1, high for joints that are in sight.
    """

    name: str
    x: float
    y: float
    score: float


@dataclass(frozen=True, eq=False)
class Pose:
    """Joints of one person.

    Attributes:
        image: The image, of mode RGB.
        joints: One for each of `shared.networks.pose.JOINTS`, in their order.
        box: Box in which the person was searched: left, top, right and bottom in pixels of the image.
        seconds: Duration of the call.
    """

    image: Image.Image
    joints: Sequence[Joint]
    box: Box
    seconds: float

    @property
    def score(self) -> float:
        """Mean score of the joints, 0..1; low where the box holds no person."""
        return float(np.mean([joint.score for joint in self.joints]))

    def visible(self) -> list[Joint]:
        """Return the joints that are in sight."""
        return [joint for joint in self.joints if joint.score >= MIN_SCORE]

    @property
    def has_person(self) -> bool:
        """True if enough joints are in sight to be those of a person."""
        return len(self.visible()) >= MIN_JOINTS

    def overlay(self) -> Image.Image:
        """Return the image with joints in sight and limbs, shrunk to at most `OVERLAY_SIDE` pixels."""
        image = self.image.copy()
        image.thumbnail((OVERLAY_SIDE, OVERLAY_SIDE), Image.Resampling.BICUBIC)
        scale = image.width / self.image.width
        points = {joint.name: (joint.x * scale, joint.y * scale) for joint in self.visible()}
        draw = ImageDraw.Draw(image)
        radius = max(2.0, max(image.size) / 160)
        for first, second in LIMBS:
            if first in points and second in points:
                draw.line([points[first], points[second]], _color(first, second), round(radius))
        for name, (x, y) in points.items():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), _color(name, name), "black")
        return image

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pixels."""
        return {
            "width": self.image.width,
            "height": self.image.height,
            "score": round(self.score, 3),
            "joints": [
                {
                    "name": joint.name,
                    "x": round(joint.x, 1),
                    "y": round(joint.y, 1),
                    "score": round(joint.score, 3),
                    "visible": joint.score >= MIN_SCORE,
                }
                for joint in self.joints
            ],
            "seconds": round(self.seconds, 3),
        }

    def files(self) -> dict[str, bytes]:
        """Return the files of a download, by file name extension."""
        return {".pose.png": encode_image(self.overlay())}


def _color(first: str, second: str) -> tuple[int, int, int]:
    """Return the color of a limb, or of a joint: left, right, or between both."""
    sides = {name.partition("_")[0] for name in (first, second)}
    return LEFT if sides == {"left"} else RIGHT if sides == {"right"} else MIDDLE
