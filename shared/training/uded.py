"""Reader of UDED."""

from __future__ import annotations

from pathlib import Path

from shared.training.bsds import Sample


def is_uded(root: str | Path) -> bool:
    """Return whether a folder has the layout of UDED: `imgs/` and `gt/`."""
    return (Path(root) / "imgs").is_dir() and (Path(root) / "gt").is_dir()


def read_uded(root: str | Path) -> list[Sample]:
    """List UDED (Soria et al., ICCV Workshops 2023), sorted by name.

    30 images of 15 data sets, each with one map of all its edges, textures and folds included, where BSDS500
    has the outlines of objects.

    Args:
        root: Folder with `imgs/NAME.png` and `gt/NAME.png`, white lines on black.

    Raises:
        FileNotFoundError: An image has no map.
    """
    samples = []
    for image_path in sorted((Path(root) / "imgs").iterdir()):
        boundaries_path = Path(root) / "gt" / f"{image_path.stem}.png"
        if not boundaries_path.is_file():
            raise FileNotFoundError(f"{boundaries_path} is missing; UDED has a map of each image")
        samples.append(Sample(image_path.stem, image_path, boundaries_path, annotators=1))
    return samples
