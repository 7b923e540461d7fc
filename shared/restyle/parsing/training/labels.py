"""Training examples of clothes parsing: `python -m shared.restyle.train parsing-labels SOURCE --out DIR`.

`ccp` has the classes that people drew, `tags` the photos of the same collection that have tags alone, `voc`
the masks of people in PASCAL VOC, and `photos` any photos, with what public networks see in them. `predicted`
narrows the sets of a folder of examples to the classes of which a trained network is sure.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.core.images import ImageError, open_image
from shared.restyle.parsing.data.ccp import CCPPhoto, read_ccp
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.parsing.training.examples import (
    BACKGROUND,
    MAX_SIDE,
    example_names,
    read_example,
    store_example,
)
from shared.restyle.parsing.training.heads import HeadTeacher, restrict_by_heads
from shared.restyle.parsing.training.sets import (
    narrow_sets,
    sets_of_classes,
    sets_of_people,
    sets_of_voc,
)
from shared.restyle.parsing.training.teachers import PeopleTeacher

VOC_SIDE = 400  # longer side of the photos of PASCAL VOC, which are small

#: Name, image, and the possible classes of every pixel.
Labelled: TypeAlias = tuple[str, Image.Image, np.ndarray]


def ccp_examples(photos: Sequence[CCPPhoto]) -> Iterator[Labelled]:
    """Yield photos of Clothing Co-Parsing with the classes that people drew."""
    for photo in photos:
        yield photo.name, photo.image(), sets_of_classes(photo.classes())


def tagged_examples(photos: Sequence[CCPPhoto]) -> Iterator[Labelled]:
    """Yield photos of Clothing Co-Parsing whose pixels may have any class that the tags name."""
    for photo in photos:
        image = photo.image()
        tags = BACKGROUND | sum(1 << index for index in {*photo.tags})
        yield photo.name, image, np.full(image.size[::-1], tags, np.uint16)


def voc_examples(paths: Sequence[Path]) -> Iterator[Labelled]:
    """Yield photos of PASCAL VOC, enlarged, with people and everything else.

    Args:
        paths: Photos `images/train/ID.jpg`, beside `labels/train/ID.png`.
    """
    for path in paths:
        image = open_image(path)
        scale = VOC_SIDE / max(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        ids = Image.open(path.parents[2] / "labels/train" / f"{path.stem}.png")
        enlarged = np.asarray(ids.resize(size, Image.Resampling.NEAREST))
        yield path.stem, image.resize(size, Image.Resampling.BICUBIC), sets_of_voc(enlarged)


def photo_examples(
    files: Sequence[ImageFile], teacher: PeopleTeacher, heads: HeadTeacher | None = None
) -> Iterator[Labelled]:
    """Yield any photos with what public networks see in them.

    Args:
        files: Photos; those that cannot be read are reported and left out.
        teacher: Finds people.
        heads: Finds skin, clothes and hair around their heads.
    """
    for file in files:
        try:
            image = file.open_image()
        except ImageError as error:
            print(f"{file.path}: {error}")
            continue
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        people = teacher(image)
        sets = sets_of_people(people)
        yield file.name, image, restrict_by_heads(sets, image, people, heads) if heads else sets


def predicted_examples(folder: Path, names: Sequence[str], parser: OutfitParser) -> Iterator[Labelled]:
    """Yield stored examples whose sets are narrowed to the classes of which a trained network is sure.

    Args:
        folder: Folder of the examples.
        names: Their names.
        parser: The network.
    """
    for name in names:
        example = read_example(folder, name)
        image = Image.fromarray(example.image)
        planes = [
            np.asarray(Image.fromarray(plane).resize(image.size, Image.Resampling.BILINEAR))
            for plane in parser.probabilities(image)
        ]
        yield name, image, narrow_sets(example.sets, np.stack(planes))


def main(arguments: Sequence[str] | None = None) -> None:
    """Store the examples from the command line; those that are there stay."""
    program = "python -m shared.restyle.train parsing-labels"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    add = parser.add_argument
    add("source", choices=("ccp", "tags", "voc", "photos", "predicted"))
    add("--data", type=Path, nargs="+", required=True, help="folder of the data set, or photos")
    add("--out", type=Path, required=True, help="folder of the examples")
    add("--limit", type=int, help="number of photos")
    add("--bodypix", type=Path, help="LiteRT file of BodyPix")
    add("--deeplab", type=Path, help="LiteRT file of DeepLabV3")
    add("--heads", type=Path, help="ONNX file of a network for skin, clothes and hair")
    add("--weights", type=Path, help="weight folder of a trained network")
    options = parser.parse_args(arguments)
    for name, image, sets in tqdm(_labelled(options), unit="photo", mininterval=10):
        store_example(options.out, name, image, sets)


def _labelled(options: argparse.Namespace) -> Iterator[Labelled]:
    """Return the photos of the command line that are not stored yet, with their sets."""
    stored = {path.stem for path in options.out.glob("*.jpg")}
    root = options.data[0]
    if options.source == "predicted":
        names = [name for name in example_names(root)[: options.limit] if name not in stored]
        return predicted_examples(root, names, OutfitParser.load(folder=options.weights))
    if options.source == "voc":
        paths = sorted((root / "images/train").glob("*.jpg"))[: options.limit]
        return voc_examples([path for path in paths if path.stem not in stored])
    if options.source == "photos":
        files = [file for file in read_images(options.data)[: options.limit] if file.name not in stored]
        heads = HeadTeacher(options.heads) if options.heads else None
        return photo_examples(files, PeopleTeacher(options.bodypix, options.deeplab), heads)
    listed = read_ccp(root, "train" if options.source == "ccp" else "tags")[: options.limit]
    photos = [photo for photo in listed if photo.name not in stored]
    return ccp_examples(photos) if options.source == "ccp" else tagged_examples(photos)
