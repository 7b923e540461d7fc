"""Readers of images with texts, by the names that command lines give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from shared.crossmodal.data.datasets import (
    CaptionedImages,
    read_coco,
    read_fashion,
    read_flickr8k,
    read_grocery_texts,
)
from shared.crossmodal.data.named_images import read_named_images

READERS: Mapping[str, Callable[[str | Path, str], CaptionedImages]] = {
    "flickr8k": read_flickr8k,
    "coco": read_coco,
    "grocery": read_grocery_texts,
    "fashion": read_fashion,
    "named": read_named_images,
}
