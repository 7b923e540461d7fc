"""Parts of the body: their joints, bones and thickness, and the parts that move each garment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.networks.pose import JOINTS
from shared.restyle.swap.figure import MIN_SCORE


@dataclass(frozen=True)
class Part:
    """Part of the body.

    Attributes:
        name: Its name.
        start: Joints whose mean is the start of its bone.
        end: Joints whose mean is the end of its bone.
        thickness: Half its width, relative to the length of the torso.
    """

    name: str
    start: tuple[int, ...]
    end: tuple[int, ...]
    thickness: float


def _joints(*names: str) -> tuple[int, ...]:
    return tuple(JOINTS.index(name) for name in names)


SHOULDERS, HIPS = _joints("left_shoulder", "right_shoulder"), _joints("left_hip", "right_hip")
TORSO = Part("torso", SHOULDERS, HIPS, 0.32)
HEAD = Part("head", SHOULDERS, _joints("nose"), 0.2)
ARMS = tuple(
    Part(f"{side}_{name}", _joints(f"{side}_{start}"), _joints(f"{side}_{end}"), 0.1)
    for side in ("left", "right")
    for name, start, end in (("upper_arm", "shoulder", "elbow"), ("lower_arm", "elbow", "wrist"))
)
UPPER_LEGS, LOWER_LEGS = (
    tuple(
        Part(f"{side}_{name}", _joints(f"{side}_{start}"), _joints(f"{side}_{end}"), 0.15)
        for side in ("left", "right")
    )
    for name, start, end in (("upper_leg", "hip", "knee"), ("lower_leg", "knee", "ankle"))
)
BODY = (TORSO, HEAD, *ARMS, *UPPER_LEGS, *LOWER_LEGS)
#: Parts that move the garments of a class; a hand on the hip must not move the trousers.
PARTS_OF_CLASS = {
    "top": (TORSO, *ARMS),
    "outerwear": (TORSO, *ARMS, *UPPER_LEGS),
    "dress": (TORSO, *ARMS, *UPPER_LEGS, *LOWER_LEGS),
    "bottom": (TORSO, *UPPER_LEGS, *LOWER_LEGS),
    "legwear": (*UPPER_LEGS, *LOWER_LEGS),
    "shoes": LOWER_LEGS,
}


@dataclass(frozen=True)
class Bone:
    """Line along a part of the body in an image, in pixels.

    Attributes:
        start: x and y.
        end: x and y.
    """

    start: np.ndarray
    end: np.ndarray

    @property
    def axis(self) -> np.ndarray:
        """Difference of end and start, `[2]`."""
        return np.asarray(self.end - self.start)

    @property
    def length(self) -> float:
        """Length in pixels, at least 1."""
        return max(float(np.hypot(*self.axis)), 1.0)

    def coordinates(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return coordinates of places along the bone, beyond its ends, and across it, in pixels.

        Args:
            places: x and y, float32 `[2, ...]`.
        """
        axis = self.axis / np.float32(self.length)
        dx, dy = places[0] - self.start[0], places[1] - self.start[1]
        along, across = dx * axis[0] + dy * axis[1], dy * axis[0] - dx * axis[1]
        inner = along.clip(0, np.float32(self.length))
        return inner, along - inner, across


def find_bone(part: Part, joints: np.ndarray) -> Bone | None:
    """Return the bone of a part, or None if one of its joints is not visible.

    Args:
        part: The part.
        joints: `[17, 3]`, see `Figure.joints`.
    """
    ends = []
    for indices in (part.start, part.end):
        points = joints[list(indices)]
        if (points[:, 2] < MIN_SCORE).any():
            return None
        ends.append(points[:, :2].mean(0))
    return Bone(*ends)
