"""Pictures of the page: those of the menu and of the styles, and pictures to start from.

    python -m shared.translation.tabs.make_pictures

They are drawn by code or made by the embedded networks, from the sample photos or from drawings of
`example_drawings`; run this again when the weights have changed.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from shared.core.images import open_image, shrink
from shared.translation.editing.labels import LABEL_COLORS
from shared.translation.painting.styles import DEFAULT_STYLE, STYLES
from shared.translation.tabs.example_drawings import avenue, shop_house, townhouse
from shared.translation.tabs.learned_panels import PICTURES
from shared.translation.tabs.runners import Runners, create_runners
from shared.ui.components.results import before_and_after
from shared.ui.sample_images import gallery_images, sample_images

MENU_SIZE = (320, 240)
TEAL = (15, 118, 110)
STYLE_SIDE, SAMPLE_SIDE = 160, 640
FACE = (150, 0, 290, 175)  # of the astronaut, in the shape of the photos that the networks learned from


def menu_pictures(run: Runners) -> dict[str, Image.Image]:
    """Return the pictures of the menu by the names of the tasks, most of them before and after."""
    tower, pagoda, flower = (_sample(name) for name in ("tower", "pagoda", "flower"))
    front, street, face = townhouse(), avenue(), _face()
    sketch = run.translate(face, "faces-pix2pix", "forward").image.convert("RGB")
    front_photo = run.translate(shop_house(), "facades-pix2pix", "forward").image
    pairs = {
        "draw": (flower, run.sketch(flower, "pencil", 1.0, 1.0).image),
        "color": (ImageOps.grayscale(pagoda), run.colorize(pagoda, 1.0).image),
        "paint": (tower, run.paint(tower, DEFAULT_STYLE, 1.0, False).image),
        "facade": (front, run.translate(front, "facades-pix2pix", "forward").image),
        "street": (street, run.translate(street, "streets-pix2pix", "forward").image),
        "face": (sketch, run.translate(sketch, "faces-pix2pix", "backward").image),
        "labels": (front_photo, run.translate(front_photo, "facades-pix2pix", "backward").image),
    }
    pictures = {name: before_and_after(*pair, MENU_SIZE) for name, pair in pairs.items()}
    pictures["edit"] = _speech_bubble(ImageOps.fit(pagoda, MENU_SIZE))
    pictures["describe"] = _speech_bubble(_lighthouse_lines())
    pictures["areas"] = _speech_bubble(_lake_areas())
    return pictures


def style_pictures(run: Runners) -> dict[str, Image.Image]:
    """Return a photo in each painted style, by file stem."""
    photo = ImageOps.fit(_sample("pagoda"), (2 * STYLE_SIDE, 2 * STYLE_SIDE))
    return {f"style-{name}": shrink(run.paint(photo, name, 1.0, False).image, STYLE_SIDE) for name in STYLES}


def sample_pictures(run: Runners) -> dict[str, Image.Image]:
    """Return pictures to start from, by file stem: photos of each kind, a sketch, drawings, grey photos."""
    face = _face()
    greys = {name: open_image(gallery_images()[name]) for name in ("photographer", "astronaut", "flower")}
    drawn = {name: shrink(_sample(name), SAMPLE_SIDE) for name in ("cat", "coffee")}
    return {
        "photo-1-facade": run.translate(townhouse(), "facades-pix2pix", "forward").image,
        "photo-2-facade": run.translate(shop_house(), "facades-pix2pix", "forward").image,
        "photo-3-street": run.translate(avenue(), "streets-pix2pix", "forward").image,
        "photo-4-face": face,
        "sketch-face": run.translate(face, "faces-pix2pix", "forward").image,
        **{f"drawing-{name}": run.sketch(image, "pencil", 1.0, 1.0).image for name, image in drawn.items()},
        **{
            f"grey-{name}": shrink(open_image(path).convert("L"), SAMPLE_SIDE) for name, path in greys.items()
        },
    }


def save_pictures(folder: Path) -> None:
    """Make all pictures, and save each as a WebP file.

    Args:
        folder: Folder of the files.
    """
    run = create_runners()
    for pictures in (menu_pictures(run), style_pictures(run), sample_pictures(run)):
        for stem, image in pictures.items():
            image.save(folder / f"{stem}.webp", quality=80, method=6)


def _sample(name: str) -> Image.Image:
    return open_image(sample_images()[name])


def _face() -> Image.Image:
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
