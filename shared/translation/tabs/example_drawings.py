"""Label drawings of house fronts and streets to start from, drawn by code."""

from collections.abc import Mapping

from PIL import Image, ImageDraw

from shared.translation.palettes import FACADES, STREETS, Color

SIDE = 256  # pixels
STREET = {**STREETS.classes, "nothing": STREETS.void[0]}


class _Sheet:
    """Square drawing in the colors of classes."""

    def __init__(self, colors: Mapping[str, Color], background: str) -> None:
        self._colors = colors
        self.image = Image.new("RGB", (SIDE, SIDE), colors[background])
        self._draw = ImageDraw.Draw(self.image)

    def box(self, name: str, left: int, top: int, width: int, height: int) -> None:
        """Fill a rectangle, in pixels."""
        self._draw.rectangle((left, top, left + width - 1, top + height - 1), fill=self._colors[name])

    def area(self, name: str, *corners: tuple[int, int]) -> None:
        """Fill a polygon of corners, in pixels."""
        self._draw.polygon(corners, fill=self._colors[name])

    def ellipse(self, name: str, left: int, top: int, width: int, height: int) -> None:
        """Fill an ellipse in a rectangle, in pixels."""
        self._draw.ellipse((left, top, left + width - 1, top + height - 1), fill=self._colors[name])


def townhouse() -> Image.Image:
    """Draw a house of three floors with moldings, cornices, sills and a door in the middle."""
    sheet = _Sheet(FACADES.classes, "background")
    sheet.box("wall", 14, 26, 228, 230)
    sheet.box("molding", 10, 26, 236, 16)
    for top in (58, 118):
        for left in range(28, 228, 42):
            sheet.box("cornice", left - 4, top - 7, 32, 6)
            sheet.box("window", left, top, 24, 38)
            sheet.box("sill", left - 3, top + 39, 30, 5)
    sheet.box("molding", 14, 170, 228, 8)
    for left in (28, 70, 154, 196):
        sheet.box("window", left, 192, 24, 36)
        sheet.box("sill", left - 3, 229, 30, 5)
    sheet.box("decoration", 108, 182, 40, 10)
    sheet.box("door", 112, 194, 32, 62)
    return sheet.image


def shop_house() -> Image.Image:
    """Draw a house with shops at the bottom, shutters and balconies."""
    sheet = _Sheet(FACADES.classes, "wall")
    sheet.box("molding", 0, 8, 256, 12)
    for top in (34, 92):
        for left in range(20, 240, 60):
            sheet.box("blind", left - 10, top, 10, 40)
            sheet.box("window", left, top, 24, 40)
            sheet.box("blind", left + 24, top, 10, 40)
    for left in (10, 130):
        sheet.box("balcony", left - 2, 128, 108, 18)
    sheet.box("molding", 0, 160, 256, 12)
    for left in (0, 82, 166, 246):
        sheet.box("pillar", left, 172, 10, 84)
    for left, name in ((14, "shop"), (176, "shop"), (102, "door")):
        sheet.box(name, left, 184, 54 if name == "door" else 64, 72)
    return sheet.image


def palace() -> Image.Image:
    """Draw a wide front with tall windows, pillars and a balustrade."""
    sheet = _Sheet(FACADES.classes, "background")
    sheet.box("wall", 0, 60, 256, 196)
    sheet.box("balcony", 0, 48, 256, 12)
    sheet.box("molding", 0, 60, 256, 18)
    for left in range(12, 250, 34):
        sheet.box("decoration", left, 86, 20, 8)
        sheet.box("window", left, 96, 20, 46)
        sheet.box("balcony", left - 4, 142, 28, 12)
    sheet.box("molding", 0, 162, 256, 10)
    for left in range(0, 256, 34):
        sheet.box("pillar", left, 172, 7, 84)
    for left in range(12, 250, 34):
        sheet.box("door" if 100 < left < 140 else "window", left, 186, 20, 70)
    return sheet.image


def avenue() -> Image.Image:
    """Draw a street between houses and trees, with cars ahead."""
    sheet = _Sheet(STREET, "sky")
    sheet.area("building", (0, 0), (0, 150), (96, 122), (96, 62), (50, 20), (50, 0))
    sheet.area("building", (256, 10), (256, 150), (168, 122), (168, 70), (214, 36))
    sheet.ellipse("vegetation", 78, 64, 52, 56)
    sheet.ellipse("vegetation", 142, 72, 40, 46)
    sheet.area("road", (108, 120), (152, 120), (256, 214), (256, 256), (0, 256), (0, 210))
    sheet.area("sidewalk", (0, 150), (104, 119), (112, 120), (0, 212))
    sheet.area("sidewalk", (256, 150), (158, 119), (150, 120), (256, 216))
    sheet.box("car", 112, 116, 20, 16)
    sheet.box("car", 196, 150, 60, 30)
    sheet.area("car", (204, 151), (214, 136), (256, 136), (256, 151))
    sheet.box("pole", 60, 20, 4, 130)
    sheet.box("traffic sign", 54, 34, 16, 20)
    for left, height in ((24, 46), (40, 42)):
        sheet.ellipse("person", left, 130, 10, height)
    sheet.ellipse("nothing", -10, 236, 276, 60)
    return sheet.image


def country_road() -> Image.Image:
    """Draw a road through fields, with a bus and a cyclist."""
    sheet = _Sheet(STREET, "sky")
    for left, top in ((-20, 50), (30, 66), (170, 60), (214, 40)):
        sheet.ellipse("vegetation", left, top, 70, 80)
    sheet.box("building", 86, 84, 60, 40)
    sheet.box("terrain", 0, 122, 256, 134)
    sheet.area("road", (112, 122), (146, 122), (236, 256), (10, 256))
    sheet.box("bus", 134, 94, 34, 44)
    sheet.ellipse("person", 92, 118, 8, 12)
    sheet.ellipse("rider", 90, 126, 12, 20)
    sheet.ellipse("bicycle", 88, 142, 16, 12)
    sheet.ellipse("nothing", -10, 238, 276, 60)
    return sheet.image


#: Drawings by name.
FACADE_DRAWINGS = {"A town house": townhouse, "A house with shops": shop_house, "A palace": palace}
STREET_DRAWINGS = {"An avenue": avenue, "A country road": country_road}
