"""Colors of label drawings: from class ids to a drawing, and from any image to the nearest class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from shared.evaluation.segmentation import VOID

Color: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """Colors of the classes of a label drawing.

    Attributes:
        classes: RGB color of every class, by name, in the order of the ids.
        void: Colors of drawings that stand for no class.
    """

    classes: Mapping[str, Color]
    void: tuple[Color, ...] = ()

    def nearest(self, image: np.ndarray, *, with_void: bool = False) -> np.ndarray:
        """Return the class whose color is nearest to that of each pixel.

        Args:
            image: uint8 `[H, W, 3]`.
            with_void: True to give pixels that are nearest to a color of `void` the id `VOID`.

        Returns:
            uint8 ids `[H, W]`.

        >>> image = np.array([[[0, 50, 250], [160, 0, 10]]], dtype=np.uint8)
        >>> FACADES.nearest(image).tolist()
        [[1, 11]]
        """
        colors = np.array([*self.classes.values(), *(self.void if with_void else ())], dtype=np.float32)
        # |p - c|^2 without |p|^2, which is the same for all colors
        scores = image.reshape(-1, 3).astype(np.float32) @ (2 * colors.T) - (colors**2).sum(1)
        ids = scores.argmax(1)
        ids[ids >= len(self.classes)] = VOID
        return ids.astype(np.uint8).reshape(image.shape[:2])

    def draw(self, ids: np.ndarray) -> np.ndarray:
        """Return the drawing `[H, W, 3]` of class ids `[H, W]`, both uint8; `VOID` is black.

        >>> FACADES.draw(np.array([[1, 255]], dtype=np.uint8)).tolist()
        [[[0, 48, 255], [0, 0, 0]]]
        """
        table = np.zeros((256, 3), dtype=np.uint8)
        table[: len(self.classes)] = list(self.classes.values())
        return table[ids]


#: Tylecek and Sara, "Spatial Pattern Templates for Recognition of Objects with Regular Structure", GCPR 2013,
#: in the colors of Isola et al., CVPR 2017.
FACADES = Palette(
    {
        "background": (0, 0, 223),
        "wall": (0, 48, 255),
        "window": (0, 128, 255),
        "door": (0, 207, 255),
        "cornice": (32, 255, 223),
        "sill": (112, 255, 143),
        "balcony": (191, 255, 64),
        "blind": (255, 239, 0),
        "decoration": (255, 159, 0),
        "molding": (255, 80, 0),
        "pillar": (255, 0, 0),
        "shop": (175, 0, 0),
    }
)

#: Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016.
STREETS = Palette(
    {
        "road": (128, 64, 128),
        "sidewalk": (244, 35, 232),
        "building": (70, 70, 70),
        "wall": (102, 102, 156),
        "fence": (190, 153, 153),
        "pole": (153, 153, 153),
        "traffic light": (250, 170, 30),
        "traffic sign": (220, 220, 0),
        "vegetation": (107, 142, 35),
        "terrain": (152, 251, 152),
        "sky": (70, 130, 180),
        "person": (220, 20, 60),
        "rider": (255, 0, 0),
        "car": (0, 0, 142),
        "truck": (0, 0, 70),
        "bus": (0, 60, 100),
        "train": (0, 80, 100),
        "motorcycle": (0, 0, 230),
        "bicycle": (119, 11, 32),
    },
    void=(
        (0, 0, 0),
        (111, 74, 0),
        (81, 0, 81),
        (250, 170, 160),
        (230, 150, 140),
        (180, 165, 180),
        (150, 100, 100),
        (150, 120, 90),
        (0, 0, 90),
        (0, 0, 110),
    ),
)
