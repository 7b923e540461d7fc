"""Part-wise warping of a person into the pose of another: an affine map for each part of the body.

Every part (torso, head, upper and lower arms and legs) has a bone between joints. The maps of the bones are
blended by the distance to them (linear blend skinning: Magnenat-Thalmann et al., "Joint-Dependent Local
Deformations for Hand Animation and Object Grasping", Graphics Interface 1988), so that the result is one
smooth field of coordinates: for each pixel of the reference, a place in the source.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from shared.restyle.swap.body import ARMS, BODY, HIPS, SHOULDERS, TORSO, Part, find_bone
from shared.restyle.swap.figure import MIN_SCORE, Figure

SOFTNESS = 0.1  # of the blend between parts, relative to the length of the torso
STRETCH = (0.6, 1.7)  # of the width of a part
SLEEVE = 0.25  # largest distance of a sleeve's border from an arm, relative to the length of the torso
MIN_TORSO = 0.15  # length of a torso, in heights of the frame


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
    total, field = np.full_like(places[0], 1e-9), np.zeros_like(places)
    for part, first, second in bones:
        target = second.axis / np.float32(second.length)
        inner, beyond, across = first.coordinates(places)
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
    if field is None:
        return values
    return sample(values, field) * near_body(reference.joints, places, unit)[..., None]


def near_body(joints: np.ndarray, places: np.ndarray, unit: float) -> np.ndarray:
    """Return 0 for places that a person cannot cover: beside an arm, farther away than a sleeve is wide.

    There the map of the arm leads anywhere in the source. Skirts and coats may be wide: all places nearer to
    another part of the body than to an arm are 1.

    Args:
        joints: `[17, 3]`, see `Figure.joints`.
        places: x and y in pixels, float32 `[2, ...]`.
        unit: See `pose_field`.

    Returns:
        float32 of the shape of a coordinate.
    """
    gaps: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for part in BODY:
        bone = find_bone(part, joints)
        if bone:
            _, beyond, across = bone.coordinates(places)
            gaps[part in ARMS].append(np.hypot(beyond, across) - np.float32(part.thickness * unit))
    if not gaps[True] or not gaps[False]:
        return np.ones_like(places[0])
    arm, body = (np.min(gaps[key], 0) for key in (True, False))
    return np.where((arm < body) & (arm > SLEEVE * unit), 0, 1).astype(np.float32)


def _width_ratio(reference: np.ndarray, source: np.ndarray) -> float:
    """Return the width of the source's body relative to the reference's, within `STRETCH`."""
    spans = []
    for joints in (reference, source):
        pairs = [joints[list(pair)] for pair in (SHOULDERS, HIPS)]
        widths = [
            float(np.hypot(*(a - b)[:2])) for a, b in pairs if min(float(a[2]), float(b[2])) >= MIN_SCORE
        ]
        spans.append(sum(widths) if len(widths) == 2 else 0.0)
    first, second = spans
    return float(np.clip(second / first, *STRETCH)) if first > 4 and second > 4 else 1.0
