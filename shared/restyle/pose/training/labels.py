"""Training examples of the pose network: `python -m shared.restyle.train pose-labels --data DIR --out DIR`.

Photos with one large person are kept with the joints on which public networks agree. Photos that are stored
already stay.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from shared.core.image_files import read_images
from shared.core.images import ImageError
from shared.restyle.pose.training.examples import TABLE, store_example
from shared.restyle.pose.training.teachers import VISIBLE, PoseTeacher

MIN_VISIBLE = 6  # joints of a photo that is kept


def stored_names(folder: Path) -> set[str]:
    """Return the names of the examples of a folder."""
    path = folder / TABLE
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {json.loads(line)["name"] for line in lines}


def main(arguments: Sequence[str] | None = None) -> None:
    """Label photos from the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.restyle.train pose-labels", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="folders, archives or lists of photos")
    add("--names", type=Path, help="text file with the names of the photos to take, one a line")
    add("--out", type=Path, required=True, help="folder of the examples")
    add("--blazepose", type=Path, required=True, help="LiteRT file of BlazePose's landmarks")
    add("--movenet", type=Path, required=True, help="LiteRT file of MoveNet Lightning")
    add("--bodypix", type=Path, required=True, help="LiteRT file of BodyPix")
    add("--limit", type=int, help="number of photos")
    options = parser.parse_args(arguments)
    teacher = PoseTeacher(options.blazepose, options.movenet, options.bodypix)
    names = set(options.names.read_text(encoding="utf-8").split()) if options.names else None
    stored = stored_names(options.out)
    files = [file for file in read_images(options.data) if names is None or file.name in names]
    for file in tqdm(files[: options.limit], unit="photo", mininterval=10):
        if file.name in stored:
            continue
        try:
            image = file.open_image()
        except ImageError as error:
            print(f"{file.path}: {error}")
            continue
        joints = teacher(image)
        if joints is not None and (joints.states == VISIBLE).sum() >= MIN_VISIBLE:
            store_example(options.out, file.name, image, joints)
