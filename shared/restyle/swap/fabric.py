"""Fabric of garments, continued beyond their borders, and warped into another pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from shared.restyle.parsing.classes import class_index
from shared.restyle.swap.body import PARTS_OF_CLASS, TORSO, find_bone
from shared.restyle.swap.figure import Figure
from shared.restyle.swap.warp import MIN_TORSO, mask_field, pose_field, sample

#: Garments that can be swapped, and the garments of the source that may stand in, best first.
SUBSTITUTES = {
    "top": ("top", "dress", "outerwear"),
    "outerwear": ("outerwear", "top", "dress"),
    "dress": ("dress", "top", "outerwear", "bottom"),
    "bottom": ("bottom", "dress"),
    "legwear": ("legwear",),
    "shoes": ("shoes",),
}
MIN_SHARE = 0.002  # of the frame that a visible garment covers
MIN_COVERED = 0.6  # share of a garment that the pose must fill with fabric, relative to the boxes
MIN_INNER = 0.3  # share of a garment that must remain without its rim
FADE = 6.0  # pixels outside a garment over which the coverage falls to a third


def visible_garments(figure: Figure) -> list[str]:
    """Return the garments of a person that can be swapped, from the largest to the smallest."""
    shares = {name: float(figure.mask(class_index(name)).mean()) for name in SUBSTITUTES}
    names = [name for name, share in shares.items() if share >= MIN_SHARE]
    return sorted(names, key=lambda name: -shares[name])


def find_substitute(garment: str, source: Figure) -> str | None:
    """Return the garment of the source whose fabric a garment gets, or None if there is none."""
    visible = visible_garments(source)
    return next((name for name in SUBSTITUTES[garment] if name in visible), None)


class Swap(NamedTuple):
    """Two people and the garments that one gets from the other.

    Attributes:
        reference: Person who gets the garments.
        source: Person whose garments are taken.
        pairs: Garment of the source for each garment of the reference.
    """

    reference: Figure
    source: Figure
    pairs: Mapping[str, str]

    @property
    def mask(self) -> np.ndarray:
        """Pixels of the reference that change, boolean `[H, W]`."""
        masks = [self.reference.mask(class_index(name)) for name in self.pairs]
        return np.any(masks, 0) if masks else np.zeros(self.reference.classes.shape, bool)

    def source_mask(self, garment: str) -> np.ndarray:
        """Return the pixels of the source that give a garment its fabric, boolean `[H, W]`.

        Of a dress, a top gets the part above the hips, and trousers or a skirt the part below.
        """
        substitute = self.pairs[garment]
        mask = self.source.mask(class_index(substitute))
        if substitute != "dress" or garment not in ("top", "bottom"):
            return mask
        rows = np.arange(len(mask))[:, None]
        upper = rows < _hip_row(self.source, mask)
        part = mask & (upper if garment == "top" else ~upper)
        return part if part.mean() >= MIN_SHARE else mask


def _hip_row(figure: Figure, mask: np.ndarray) -> float:
    """Return the row of a person's hips, or the middle of a dress if they are not visible."""
    bone = find_bone(TORSO, figure.joints)
    return float(bone.end[1]) if bone else float(np.flatnonzero(mask.any(1)).mean())


def pair_garments(reference: Figure, source: Figure, garments: Sequence[str]) -> dict[str, str]:
    """Return the garment of the source for each garment; those without one are left out.

    Args:
        reference: Person who wears the garments.
        source: Person whose garments are taken.
        garments: Names of garments of the reference, keys of `SUBSTITUTES`.
    """
    substitutes = {name: find_substitute(name, source) for name in garments}
    return {
        name: substitute
        for name, substitute in substitutes.items()
        if substitute and reference.mask(class_index(name)).any()
    }


def inner_mask(mask: np.ndarray, rim: int) -> np.ndarray:
    """Return a mask without its rim, which may show skin or background, or as it is if nothing remains.

    Args:
        mask: Boolean `[H, W]`.
        rim: Width of the rim in pixels.
    """
    inner = binary_erosion(mask, iterations=rim)
    return np.asarray(inner) if inner.sum() > MIN_INNER * mask.sum() else mask


def mirror_places(mask: np.ndarray, field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move places outside a mask to their mirror images at its border, so that fabric continues.

    Args:
        mask: Boolean `[H, W]` with at least one pixel.
        field: x and y in pixels, float32 `[2, ...]`.

    Returns:
        The places, and their distances from the mask before, float32.
    """
    height, width = mask.shape
    distance, (rows, columns) = distance_transform_edt(~mask, return_indices=True)
    x = np.rint(field[0]).astype(int).clip(0, width - 1)
    y = np.rint(field[1]).astype(int).clip(0, height - 1)
    near = np.stack([columns[y, x], rows[y, x]])
    outside = distance[y, x] > 0
    away = np.where(outside, np.hypot(*(field - near)), 0)
    # Farther away than the garment is thick, the fabric goes back and forth, as mirrored tiles do.
    thickness = max(float(distance_transform_edt(mask).max()), 1.0)
    depth = thickness - np.abs(away % (2 * thickness) - thickness)
    step = (near - field) / np.maximum(away, 1e-6)
    for _ in range(3):
        places = near + depth * step
        x = np.rint(places[0]).astype(int).clip(0, width - 1)
        y = np.rint(places[1]).astype(int).clip(0, height - 1)
        depth = np.where(distance[y, x] > 0, depth / 2, depth)
    places = np.where(outside, near + depth * step, field)
    return places.astype(np.float32), away.astype(np.float32)


def garment_field(
    swap: Swap, garment: str, places: np.ndarray | None = None, *, pose: bool = True
) -> np.ndarray:
    """Return the places in the source of a garment's pixels, before they are mirrored into its fabric.

    Args:
        swap: The swap.
        garment: Garment of the reference, a key of `swap.pairs`.
        places: x and y in pixels of the reference, float32 `[2, ...]`; by default the garment's pixels.
        pose: False to take the boxes of both garments in place of the pose. The same is done where no part of
            the body is visible in both, and where by the pose too much of the garment would lie outside that
            of the source, as of a dress outside a top.

    Returns:
        x and y in pixels of the source, float32 of the shape of `places`.
    """
    reference, source = swap.reference, swap.source
    mask = reference.mask(class_index(garment))
    if places is None:
        places = np.stack(np.nonzero(mask)[::-1]).astype(np.float32)
    source_mask = swap.source_mask(garment)
    field = mask_field(mask, source_mask, places)
    if pose:
        unit = MIN_TORSO * len(mask)
        posed = pose_field(reference.joints, source.joints, PARTS_OF_CLASS[garment], places, unit)
        if posed is not None and (_covered(posed, source_mask) >= MIN_COVERED * _covered(field, source_mask)):
            field = posed
    return field


def _covered(field: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of places that lie in a mask, 0..1."""
    x = np.rint(field[0]).astype(int).clip(0, mask.shape[1] - 1)
    y = np.rint(field[1]).astype(int).clip(0, mask.shape[0] - 1)
    return float(mask[y, x].mean())


def warp_fabric(swap: Swap, *, pose: bool = True) -> np.ndarray:
    """Return the fabric of the source's garments in the places of the reference's garments.

    Args:
        swap: The swap.
        pose: See `garment_field`.

    Returns:
        RGB and coverage, float32 `[H, W, 4]` in 0..1; 0 outside the garments. Coverage is 1 where the source
        shows the very place, and less where its fabric was continued.
    """
    source = swap.source
    result = np.zeros((*swap.reference.classes.shape, 4), np.float32)
    for garment in swap.pairs:
        field = garment_field(swap, garment, pose=pose)
        places, away = mirror_places(inner_mask(swap.source_mask(garment), 1), field)
        colors = sample(source.image, places) / np.float32(255)
        mask = swap.reference.mask(class_index(garment))
        result[mask] = np.concatenate([colors, np.exp(-away / FADE)[:, None]], 1)
    return result
