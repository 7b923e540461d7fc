"""Pictures of the page: those of the menu and of the styles, and pictures to start from.

    python -m shared.translation.tabs.make_pictures

They are drawn by code or made by the embedded networks, from the sample photos or from drawings of
`example_drawings`; run this again when weights were added or have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from shared.core.images import open_image, shrink
from shared.translation.editing.labels import LABEL_COLORS
from shared.translation.painting.styles import DEFAULT_STYLE, STYLES
from shared.translation.tabs.example_drawings import avenue, shop_house, townhouse
from shared.translation.tabs.pictures import PICTURES
from shared.translation.tabs.runners import Runners, create_runners
from shared.translation.tabs.task_menu import PHOTO_TRANSLATIONS, available_tasks
from shared.translation.tabs.translations import TRANSLATIONS, available_translations, systems
from shared.ui.components.results import before_and_after
from shared.ui.sample_images import gallery_images, sample_images

MENU_SIZE = (320, 240)
TEAL = (15, 118, 110)
STYLE_SIDE, SAMPLE_SIDE = 160, 640
FACE = (150, 0, 290, 175)  # of the astronaut, in the shape of the photos that the networks learned from


class PictureMaker:
    """Maker of all pictures.

    Args:
        run: Functions that run the engines.
    """

    def __init__(self, run: Runners) -> None:
        self._run = run

    def menu(self) -> dict[str, Callable[[], Image.Image]]:
        """Return the makers of the pictures of the menu, most of them before and after, by task."""
        return {
            "draw": lambda: self._beside(_sample("flower"), self._sketch),
            "color": lambda: self._beside(ImageOps.grayscale(_sample("pagoda")), self._colorize),
            "paint": lambda: self._beside(_sample("tower"), lambda image: self._paint(image, DEFAULT_STYLE)),
            "facade": lambda: self._beside(townhouse(), self._facade),
            "street": lambda: self._beside(avenue(), self._street),
            "face": lambda: self._beside(self._sketch_of_face(), self._face),
            "labels": self._labels_picture,
            "edit": lambda: _speech_bubble(ImageOps.fit(_sample("pagoda"), MENU_SIZE)),
            "describe": lambda: _speech_bubble(_lighthouse_lines()),
            "areas": lambda: _speech_bubble(_lake_areas()),
        }

    def samples(self) -> dict[str, dict[str, Callable[[], Image.Image]]]:
        """Return the makers of pictures to start from, and of those of the styles, by task and file stem."""
        photo = ImageOps.fit(_sample("pagoda"), (2 * STYLE_SIDE, 2 * STYLE_SIDE))
        greys = {name: gallery_images()[name] for name in ("photographer", "astronaut", "flower")}
        drawn = {name: shrink(_sample(name), SAMPLE_SIDE) for name in ("cat", "coffee")}
        return {
            "draw": {f"drawing-{name}": partial(self._sketch, image) for name, image in drawn.items()},
            "color": {f"grey-{name}": partial(_grey, path) for name, path in greys.items()},
            "paint": {f"style-{name}": partial(self._style_picture, photo, name) for name in STYLES},
            "facade": {
                "photo-1-facade": lambda: self._facade(townhouse()),
                "photo-2-facade": lambda: self._facade(shop_house()),
            },
            "street": {"photo-3-street": lambda: self._street(avenue())},
            "face": {"photo-4-face": _face_photo, "sketch-face": self._sketch_of_face},
        }

    def _beside(self, image: Image.Image, function: Callable[[Image.Image], Image.Image]) -> Image.Image:
        return before_and_after(image, function(image), MENU_SIZE)

    def _sketch(self, image: Image.Image) -> Image.Image:
        return self._run.sketch(image, "pencil", 1.0, 1.0).image

    def _colorize(self, image: Image.Image) -> Image.Image:
        return self._run.colorize(image, 1.0).image

    def _paint(self, image: Image.Image, style: str) -> Image.Image:
        return self._run.paint(image, style, 1.0, False).image

    def _style_picture(self, image: Image.Image, style: str) -> Image.Image:
        return shrink(self._paint(image, style), STYLE_SIDE)

    def _translate(self, name: str, image: Image.Image) -> Image.Image:
        row = TRANSLATIONS[name]
        system = next(iter(systems(row.task)))
        return self._run.translate(image, row.engine(system), row.direction).image.convert("RGB")

    def _facade(self, image: Image.Image) -> Image.Image:
        return self._translate("labels-to-facade", image)

    def _street(self, image: Image.Image) -> Image.Image:
        return self._translate("labels-to-street", image)

    def _face(self, image: Image.Image) -> Image.Image:
        return self._translate("sketch-to-face", image)

    def _sketch_of_face(self) -> Image.Image:
        return self._translate("face-to-sketch", _face_photo())

    def _labels_picture(self) -> Image.Image:
        name = next(name for name in PHOTO_TRANSLATIONS if name in available_translations())
        photos = {
            "facade-to-labels": lambda: self._facade(shop_house()),
            "street-to-labels": lambda: self._street(avenue()),
            "face-to-sketch": _face_photo,
        }
        return self._beside(photos[name](), partial(self._translate, name))


def save_pictures(folder: Path) -> None:
    """Make the pictures of all tasks that have an engine, and save each as a WebP file.

    Args:
        folder: Folder of the files.
    """
    maker = PictureMaker(create_runners())
    menu, samples = maker.menu(), maker.samples()
    for task in available_tasks():
        for stem, make in {task: menu[task], **samples.get(task, {})}.items():
            make().save(folder / f"{stem}.webp", quality=80, method=6)


def _sample(name: str) -> Image.Image:
    return open_image(sample_images()[name])


def _grey(path: Path) -> Image.Image:
    return shrink(open_image(path).convert("L"), SAMPLE_SIDE)


def _face_photo() -> Image.Image:
    return _sample("astronaut").crop(FACE).resize((256, 320), Image.Resampling.LANCZOS)


def _speech_bubble(image: Image.Image) -> Image.Image:
    """Draw a speech bubble with three lines of writing onto an image of the size of the menu's."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((150, 34, 300, 132), 22, fill="white", outline=TEAL, width=3)
    draw.polygon([(212, 131), (206, 162), (236, 131)], fill="white", outline=TEAL, width=3)
    draw.rectangle((216, 127, 231, 134), fill="white")
    for top, right in ((58, 274), (80, 256), (102, 226)):
        draw.line([(174, top), (right, top)], fill=TEAL, width=9)
    return image


def _lighthouse_lines() -> Image.Image:
    """Draw a lighthouse on a rock with a pen."""
    image = Image.new("RGB", (2 * MENU_SIZE[0], 2 * MENU_SIZE[1]), "white")
    draw = ImageDraw.Draw(image)
    lines = [
        [(130, 400), (152, 180), (208, 180), (230, 400)],
        [(146, 240), (214, 240)],
        [(139, 310), (221, 310)],
        [(142, 180), (218, 180), (218, 160), (142, 160), (142, 180)],
        [(156, 160), (156, 116), (204, 116), (204, 160)],
        [(146, 116), (180, 82), (214, 116), (146, 116)],
        [(20, 446), (70, 406), (130, 398), (230, 398), (300, 414), (350, 446)],
        [(0, 452), (60, 444), (120, 452), (200, 444), (300, 452), (420, 444), (540, 452), (640, 444)],
        [(400, 420), (420, 440), (500, 440), (526, 416), (400, 416)],
        [(456, 416), (456, 340), (506, 404), (456, 404)],
    ]
    for line in lines:
        draw.line(line, fill=(40, 40, 40), width=6, joint="curve")
    return image.resize(MENU_SIZE, Image.Resampling.LANCZOS)


def _lake_areas() -> Image.Image:
    """Draw a lake between mountains, trees and a house in the colors of things."""
    image = Image.new("RGB", MENU_SIZE, LABEL_COLORS["sky"])
    draw = ImageDraw.Draw(image)
    areas = {
        "mountain": [(0, 110), (70, 40), (130, 100), (180, 60), (270, 130), (320, 90), (320, 160), (0, 160)],
        "water": [(0, 150), (320, 150), (320, 200), (0, 200)],
        "grass": [(0, 190), (120, 176), (320, 200), (320, 240), (0, 240)],
        "building": [(40, 150), (40, 200), (100, 200), (100, 150)],
        "tree": [(130, 200), (150, 130), (170, 200)],
    }
    for name, corners in areas.items():
        draw.polygon(corners, fill=LABEL_COLORS[name])
    return image


if __name__ == "__main__":
    save_pictures(PICTURES)
