"""What every doer must satisfy, whatever it gives back: sizes, sources, threads, engines, weights."""

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

from shared.core.engines import Engine
from shared.core.images import ImageError
from shared.core.weights import WeightsError

SIZES = [(1, 1), (3000, 1), (1, 3000), (2, 31), (33, 64), (97, 50)]


def photo(width: int, height: int) -> Image.Image:
    """A real photo at any size."""
    return Image.fromarray(data.astronaut()).resize((width, height))


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """Gives a network weights that have learned nothing, but let its answers depend on the picture."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
    return network


class DoerTests(ABC):
    """Tests of a doer; those of a wing derive from it, as `class TestClassifier(DoerTests)`.

    They have a fixture `doer` that makes one with untrained weights, on the CPU.

    Attributes:
        doer_class: The doer, with its method `load`.
        engines: Its engines.
    """

    doer_class: ClassVar[type]
    engines: ClassVar[Mapping[str, Engine]]

    @abstractmethod
    def check(self, result: Any, size: tuple[int, int]) -> None:
        """Asserts what holds for a result of any picture of a size (width, height)."""

    @abstractmethod
    def values(self, result: Any) -> list[np.ndarray]:
        """All that a result says of a picture, as arrays of floats."""

    @pytest.mark.parametrize("size", SIZES)
    def test_every_size_is_taken(self, size, doer):
        self.check(doer(photo(*size)), size)

    def test_every_source_gives_the_same(self, doer, tmp_path):
        picture, file = photo(60, 40), tmp_path / "photo.png"
        picture.save(file)
        expected = self.values(doer(picture))
        for source in (
            np.asarray(picture),
            file,
            str(file),
            file.read_bytes(),
            io.BytesIO(file.read_bytes()),
        ):
            for one, other in zip(self.values(doer(source)), expected, strict=True):
                np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize("source", [None, b"", b"not a picture", "nowhere.png", np.zeros((2, 2, 5))])
    def test_what_is_no_picture_says_so(self, source, doer):
        with pytest.raises(ImageError):
            doer(source)

    def test_a_picture_stays_as_it_was(self, doer):
        picture = photo(40, 30)
        before = picture.tobytes()
        doer(picture)
        assert picture.tobytes() == before

    def test_threads_do_not_disturb_one_another(self, doer):
        pictures = [photo(64 + 8 * i, 50) for i in range(6)]
        alone = [self.values(doer(picture)) for picture in pictures]
        assert len({values[0].tobytes() for values in alone}) == len(pictures)
        with ThreadPoolExecutor(6) as pool:
            together = [self.values(result) for result in pool.map(doer, pictures)]
        for expected, found in zip(alone, together, strict=True):
            for one, other in zip(expected, found, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-3 if one.dtype == np.float16 else 1e-5)

    def test_an_unknown_engine_says_which_there_are(self):
        with pytest.raises(ValueError, match=f"one of {', '.join(self.engines)}, received 'unknown'"):
            self.doer_class.load("unknown")

    def test_missing_weights_say_so(self, tmp_path):
        with pytest.raises(WeightsError, match="nothing does not exist"):
            self.doer_class.load(folder=tmp_path / "nothing")
        (tmp_path / "empty").mkdir()
        with pytest.raises(WeightsError, match="is missing"):
            self.doer_class.load(folder=tmp_path / "empty")

    def test_engines_are_listed_under_their_names(self):
        assert all(engine.name == name and engine.description for name, engine in self.engines.items())
