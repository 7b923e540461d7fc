"""Training examples of clothes parsing: `python -m shared.restyle.train parsing-labels SOURCE --out DIR`.

`ccp` has the classes that people drew, `tags` the photos of the same collection that only have tags, `voc`
the masks of people in PASCAL VOC, and `photos` any photos, with what public networks see in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.image_files import read_images
from shared.core.images import ImageError, open_image
from shared.matting.training.teachers import Teacher
from shared.restyle.parsing.data.ccp import CCPPhoto, read_ccp
from shared.restyle.parsing.training.examples import MAX_SIDE, store_example
from shared.restyle.parsing.training.sets import sets_of_classes, sets_of_people, sets_of_tags, sets_of_voc
from shared.restyle.parsing.training.teachers import PeopleTeacher

Labelled = tuple[str, Image.Image, np.ndarray]


def ccp_examples(photos: Sequence[CCPPhoto]) -> Iterator[Labelled]:
    """Yield photos of Clothing Co-Parsing with the classes that people drew."""
    for photo in photos:
        yield photo.name, photo.image(), sets_of_classes(photo.classes())


def tagged_examples(
    photos: Sequence[CCPPhoto], teacher: PeopleTeacher, saliency: Teacher
) -> Iterator[Labelled]:
    """Yield photos of Clothing Co-Parsing with sets that agree with their tags.

    Args:
        photos: Photos.
        teacher: Finds people.
        saliency: U2-NetP.
    """
    for photo in photos:
        image = photo.image()
        mask = saliency(image).resize(image.size, Image.Resampling.BILINEAR)
        values = np.asarray(mask, np.float32) / 255
        yield photo.name, image, sets_of_tags(values, teacher(image), photo.tags)


def voc_examples(root: Path, side: int) -> Iterator[Labelled]:
    """Yield photos of PASCAL VOC with people and everything else.

    Args:
        root: Folder with `images/train/ID.jpg` and `labels/train/ID.png`.
        side: Longer side of the photos in pixels, which are small.
    """
    for path in sorted((root / "images/train").glob("*.jpg")):
        image = open_image(path)
        scale = side / max(image.size)
        ids = Image.open(root / "labels/train" / f"{path.stem}.png")
        size = (round(image.width * scale), round(image.height * scale))
        enlarged = np.asarray(ids.resize(size, Image.Resampling.NEAREST))
        yield path.stem, image.resize(size, Image.Resampling.BICUBIC), sets_of_voc(enlarged)


def photo_examples(
    sources: Sequence[Path], teacher: PeopleTeacher, limit: int | None = None
) -> Iterator[Labelled]:
    """Yield any photos with what public networks see in them.

    Args:
        sources: See `shared.core.image_files.read_images`.
        teacher: Finds people.
        limit: Number of photos; None for all.
    """
    for file in read_images(sources)[:limit]:
        try:
            image = file.open_image()
        except ImageError as error:
            print(f"{file.path}: {error}")
            continue
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        yield file.name, image, sets_of_people(teacher(image))


def main(arguments: Sequence[str] | None = None) -> None:
    """Store the examples from the command line; those that are there stay."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.restyle.train parsing-labels", description=__doc__
    )
    add = parser.add_argument
    add("source", choices=("ccp", "tags", "voc", "photos"))
    add("--data", type=Path, nargs="+", required=True, help="folder of the data set, or photos")
    add("--out", type=Path, required=True, help="folder of the examples")
    add("--limit", type=int, help="number of photos")
    add("--bodypix", type=Path, help="LiteRT file of BodyPix")
    add("--deeplab", type=Path, help="LiteRT file of DeepLabV3")
    add("--u2netp", type=Path, help="ONNX file of U2-NetP")
    options = parser.parse_args(arguments)
    stored = {path.stem for path in options.out.glob("*.jpg")}
    if options.source == "ccp":
        labelled = ccp_examples(_missing(read_ccp(options.data[0], "train"), stored))
    elif options.source == "voc":
        labelled = voc_examples(options.data[0], 400)
    elif options.source == "tags":
        photos = _missing(read_ccp(options.data[0], "tags")[: options.limit], stored)
        teacher = PeopleTeacher(options.bodypix, options.deeplab)
        labelled = tagged_examples(photos, teacher, Teacher("u2netp", options.u2netp, precision="f32"))
    else:
        labelled = photo_examples(
            options.data, PeopleTeacher(options.bodypix, options.deeplab), options.limit
        )
    for name, image, sets in tqdm(labelled, unit="photo", mininterval=10):
        store_example(options.out, name, image, sets)


def _missing(photos: Sequence[CCPPhoto], stored: set[str]) -> list[CCPPhoto]:
    return [photo for photo in photos if photo.name not in stored]
