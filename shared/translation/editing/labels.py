"""Colors of label maps that become photos: a part of the palette of ADE20K, which the ControlNet knows.

Zhou et al., "Scene Parsing through ADE20K Dataset", CVPR 2017; colors as in the tools for it.
"""

from __future__ import annotations

#: Colors by name, sRGB.
LABEL_COLORS: dict[str, tuple[int, int, int]] = {
    "sky": (6, 230, 230),
    "building": (180, 120, 120),
    "wall": (120, 120, 120),
    "window": (230, 230, 230),
    "door": (8, 255, 51),
    "road": (140, 140, 140),
    "sidewalk": (235, 255, 7),
    "earth": (120, 120, 70),
    "grass": (4, 250, 7),
    "tree": (4, 200, 3),
    "plant": (204, 255, 4),
    "mountain": (143, 255, 140),
    "water": (61, 230, 250),
    "sea": (9, 7, 230),
    "person": (150, 5, 61),
    "car": (0, 102, 200),
}
