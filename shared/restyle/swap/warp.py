"""Part-wise warping of a person into the pose of another: an affine map for each part of the body.

Every part (torso, head, upper and lower arms and legs) has a bone between joints. The maps of the bones are
blended by the distance to them (linear blend skinning: Magnenat-Thalmann et al., "Joint-Dependent Local
Deformations for Hand Animation and Object Grasping", Graphics Interface 1988), so that the result is one
smooth field of coordinates: for each pixel of the reference, a place in the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from shared.networks.pose import JOINTS
from shared.restyle.swap.figure import MIN_SCORE, Figure


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


_SHOULDERS, _HIPS = _joints("left_shoulder", "right_shoulder"), _joints("left_hip", "right_hip")
TORSO = Part("torso", _SHOULDERS, _HIPS, 0.32)
HEAD = Part("head", _SHOULDERS, _joints("nose"), 0.2)
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
SOFTNESS = 0.1  # of the blend between parts, relative to the length of the torso
STRETCH = (0.6, 1.7)  # of the width of a part
MIN_TORSO = 0.15  # length of a torso, in heights of the frame


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


def pose_field(
    reference: np.ndarray, source: np.ndarray, parts: tuple[Part, ...], places: np.ndarray, unit: float
) -> np.ndarray | None:
    """Return the places in the source of places in the reference.

    Args:
        reference: Joints of the reference, `[17, 3]` in pixels.
        source: Joints of the source.
        parts: Parts whose maps are blended; those that are not visible in both are left out.
        places: x and y in pixels of the reference, float32 `[2, ...]`.
        unit: Smallest length of a torso in pixels, for people whose torso is seen from above or not at all.

    Returns:
        x and y in pixels of the source, float32 of the shape of `places`; None if no part is visible in both.
    """
    pairs = [(part, find_bone(part, reference), find_bone(part, source)) for part in parts]
    bones = [(part, first, second) for part, first, second in pairs if first and second]
    if not bones:
        return None
    torso = find_bone(TORSO, reference)
    unit = max(torso.length if torso else 0.0, unit)
    width = _width_ratio(reference, source)
    x, y = places
    total, field = np.full_like(x, 1e-9), np.zeros_like(places)
    for part, first, second in bones:
        axis, target = first.axis / np.float32(first.length), second.axis / np.float32(second.length)
        dx, dy = x - first.start[0], y - first.start[1]
        along, across = dx * axis[0] + dy * axis[1], dy * axis[0] - dx * axis[1]
        inner = along.clip(0, np.float32(first.length))
        beyond = along - inner
        distance = np.hypot(beyond, across) - np.float32(part.thickness * unit)
        distance = np.maximum(distance, 0) / np.float32(SOFTNESS * unit)
        weight = np.exp(-distance) + np.float32(1e-6) / (1 + distance)
        # Beyond its ends, a bone that is seen from the front in one image must not stretch the cloth.
        stretch = second.length / first.length
        s = inner * np.float32(stretch) + beyond * np.float32(np.clip(stretch, *STRETCH))
        t = across * np.float32(width)
        total += weight
        field[0] += weight * (second.start[0] + s * target[0] - t * target[1])
        field[1] += weight * (second.start[1] + s * target[1] + t * target[0])
    return np.asarray(field / total)


def mask_field(reference: np.ndarray, source: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the places in the source of places in the reference, by the boxes around two masks.

    Args:
        reference: Boolean `[H, W]` with at least one pixel.
        source: Boolean `[h, w]` with at least one pixel.
        places: x and y in pixels of the reference, float32 `[2, ...]`.

    Returns:
        x and y in pixels of the source, float32 of the shape of `places`.
    """
    field = np.empty_like(places)
    for axis in (0, 1):
        spans = []
        for mask in (reference, source):
            indices = np.flatnonzero(mask.any(axis))
            spans.append((float(indices[0]), float(indices[-1] + 1)))
        (start, end), (first, last) = spans
        field[axis] = (places[axis] + 0.5 - start) / (end - start) * (last - first) + first - 0.5
    return field


def all_places(height: int, width: int) -> np.ndarray:
    """Return the x and y of every pixel, float32 `[2, height, width]`."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y]).astype(np.float32)


def sample(values: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Sample an image bilinearly at places; beyond its border the border continues.

    Args:
        values: `[H, W, C]`, numbers.
        field: x and y in pixels, `[2, ...]`.

    Returns:
        float32 `[..., C]`.
    """
    height, width, channels = values.shape
    scale = np.array([2 / width, 2 / height], np.float32)[:, None]
    grid = torch.from_numpy(((field.reshape(2, -1) + 0.5) * scale - 1).T[None, None].astype(np.float32))
    maps = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), dtype=np.float32))[None]
    warped = F.grid_sample(maps, grid, padding_mode="border", align_corners=False)[0, :, 0]
    return np.asarray(warped.T.numpy().reshape(*field.shape[1:], channels))


def warp_person(reference: Figure, source: Figure, *, pose: bool = True) -> np.ndarray:
    """Return the source person in the pose of the reference, without background.

    Args:
        reference: Person whose joints are taken.
        source: Person whose pixels are taken.
        pose: False to leave the person in place, as without a common part of the body.

    Returns:
        RGB and coverage, float32 `[H, W, 4]` in 0..1.
    """
    height, width = reference.classes.shape
    person = (source.classes > 0).astype(np.float32)[..., None]
    values = np.concatenate([source.image / np.float32(255) * person, person], 2)
    places = all_places(height, width)
    unit = MIN_TORSO * height
    field = pose_field(reference.joints, source.joints, BODY, places, unit) if pose else None
    return values if field is None else sample(values, field)


def _width_ratio(reference: np.ndarray, source: np.ndarray) -> float:
    """Return the width of the source's body relative to the reference's, within `STRETCH`."""
    spans = []
    for joints in (reference, source):
        pairs = [joints[list(pair)] for pair in (_SHOULDERS, _HIPS)]
        widths = [
            float(np.hypot(*(a - b)[:2])) for a, b in pairs if min(float(a[2]), float(b[2])) >= MIN_SCORE
        ]
        spans.append(sum(widths) if len(widths) == 2 else 0.0)
    first, second = spans
    return float(np.clip(second / first, *STRETCH)) if first > 4 and second > 4 else 1.0
