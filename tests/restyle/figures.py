"""People made of rectangles, with classes and joints, for tests of outfit swaps."""

import numpy as np
from PIL import Image

from shared.networks.pose import JOINTS
from shared.restyle.parsing.classes import class_index
from shared.restyle.parsing.outfit import Outfit
from shared.restyle.pose.skeleton import Joint, Pose
from shared.restyle.swap.figure import Figure, cut_figure, person_box
from shared.restyle.swap.subject import Subject

#: Left, top, right and bottom of each class in a frame of 128 x 192.
PARTS = {
    "skin": (56, 10, 72, 34),
    "top": (42, 36, 86, 92),
    "bottom": (46, 92, 82, 168),
    "shoes": (46, 168, 82, 182),
}
PLACES = {
    **dict.fromkeys(JOINTS[:5], (64, 22)),
    "left_shoulder": (82, 40),
    "right_shoulder": (46, 40),
    "left_elbow": (84, 64),
    "right_elbow": (44, 64),
    "left_wrist": (84, 88),
    "right_wrist": (44, 88),
    "left_hip": (74, 94),
    "right_hip": (54, 94),
    "left_knee": (74, 132),
    "right_knee": (54, 132),
    "left_ankle": (74, 170),
    "right_ankle": (54, 170),
}
COLORS = {"skin": (230, 190, 160), "top": (200, 30, 40), "bottom": (40, 60, 160), "shoes": (20, 20, 20)}


def joints(shift=(0, 0)):
    return np.array([[x + shift[0], y + shift[1], 0.9] for x, y in PLACES.values()], np.float32)


def figure(colors=None, shift=(0, 0), stripes=()):
    """Return a person; garments named in `stripes` have horizontal stripes of 8 pixels."""
    image, classes = np.full((192, 128, 3), 128, np.uint8), np.zeros((192, 128), np.uint8)
    for name, (left, top, right, bottom) in PARTS.items():
        rows, columns = slice(top + shift[1], bottom + shift[1]), slice(left + shift[0], right + shift[0])
        image[rows, columns] = (colors or COLORS)[name]
        classes[rows, columns] = class_index(name)
        if name in stripes:
            bright = (np.arange(rows.start, rows.stop) - shift[1]) // 4 % 2 == 1
            image[rows, columns][bright] = 240
    return Figure(image, classes, joints(shift))


def subject(person, scale=2):
    """Return a person as the subject of a photo that is `scale` times as large."""
    size = (128 * scale, 192 * scale)
    image = Image.fromarray(person.image).resize(size, Image.Resampling.NEAREST)
    probabilities = np.eye(11, dtype=np.float32)[person.classes].transpose(2, 0, 1)
    outfit = Outfit(image, person.classes, np.ascontiguousarray(probabilities), 0.0)
    points = person.joints.copy()
    points[:, :2] = (points[:, :2] + 0.5) * scale
    rows = [Joint(name, *map(float, row)) for name, row in zip(JOINTS, points, strict=True)]
    pose = Pose(image, rows, (0, 0, *size), 0.0)
    points[:, :2] -= 0.5
    frame = cut_figure(image, person.classes, points)
    return Subject(image, outfit, pose, person_box(person.classes, size), frame)
