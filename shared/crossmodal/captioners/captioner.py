"""Interface of networks that describe an image; a new one implements it and has a row in `CAPTIONERS`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class Captions:
    """Description of an image.

    Attributes:
        sentence: A short sentence.
        paragraph: Several sentences with details.
    """

    sentence: str
    paragraph: str


class Captioner(ABC):
    """Network that describes an image. Calls may come from many threads at once."""

    @abstractmethod
    def __call__(self, image: Image.Image) -> Captions:
        """Describe an RGB image."""
