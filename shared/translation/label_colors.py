"""Colors of label drawings, in which every pixel has the color of its class."""

from __future__ import annotations

from typing import NamedTuple


class LabelColor(NamedTuple):
    """Color of a class.

    Attributes:
        name: Class in the words of a visitor.
        color: Red, green and blue, 0..255.
    """

    name: str
    color: tuple[int, int, int]


#: The twelve classes of the CMP Facade Database (Tylecek and Sara, GCPR 2013), in the colors of the pairs of
#: pix2pix (Isola et al., CVPR 2017).
FACADE_COLORS = (
    LabelColor("Wall", (0, 48, 255)),
    LabelColor("Window", (0, 128, 255)),
    LabelColor("Door", (0, 207, 255)),
    LabelColor("Sill", (112, 255, 144)),
    LabelColor("Balcony", (191, 255, 64)),
    LabelColor("Shutter", (255, 239, 0)),
    LabelColor("Cornice", (255, 80, 0)),
    LabelColor("Molding", (32, 255, 223)),
    LabelColor("Ornament", (255, 160, 0)),
    LabelColor("Pillar", (255, 0, 0)),
    LabelColor("Shop", (175, 0, 0)),
    LabelColor("Surroundings", (0, 0, 223)),
)

#: The nineteen classes of Cityscapes (Cordts et al., CVPR 2016), and black for the car with the camera and all
#: that has no class.
STREET_COLORS = (
    LabelColor("Road", (128, 64, 128)),
    LabelColor("Sidewalk", (244, 35, 232)),
    LabelColor("Building", (70, 70, 70)),
    LabelColor("Trees", (107, 142, 35)),
    LabelColor("Grass", (152, 251, 152)),
    LabelColor("Sky", (70, 130, 180)),
    LabelColor("Car", (0, 0, 142)),
    LabelColor("Person", (220, 20, 60)),
    LabelColor("Rider", (255, 0, 0)),
    LabelColor("Bicycle", (119, 11, 32)),
    LabelColor("Motorcycle", (0, 0, 230)),
    LabelColor("Truck", (0, 0, 70)),
    LabelColor("Bus", (0, 60, 100)),
    LabelColor("Train", (0, 80, 100)),
    LabelColor("Pole", (153, 153, 153)),
    LabelColor("Traffic light", (250, 170, 30)),
    LabelColor("Sign", (220, 220, 0)),
    LabelColor("Wall", (102, 102, 156)),
    LabelColor("Fence", (190, 153, 153)),
    LabelColor("Nothing", (0, 0, 0)),
)
