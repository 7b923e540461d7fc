"""Contract of every predictor: image sizes, sources, threads, engines and weights."""

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


def astronaut(width: int, height: int) -> Image.Image:
    """Return scikit-image's photograph of an astronaut at any size."""
    return Image.fromarray(data.astronaut()).resize((width, height))


def with_random_weights(network: nn.Module, seed: int = 0) -> nn.Module:
    """Initialise a network so that its output depends on the image, though it has learned nothing."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
    return network


class PredictorTests(ABC):
    """Tests of a predictor; a capability derives its own from them: `class TestClassifier(PredictorTests)`.

    They need a fixture `predictor` that returns one with untrained weights, on the CPU.

    Attributes:
        predictor_class: Class of the predictor, with its method `load`.
        engines: Engines of the predictor.
    """

    predictor_class: ClassVar[type]
    engines: ClassVar[Mapping[str, Engine]]

    @abstractmethod
    def check(self, result: Any, size: tuple[int, int]) -> None:
        """Assert the properties of a result for an image of a size (width, height)."""

    @abstractmethod
    def values(self, result: Any) -> list[np.ndarray]:
        """Return all contents of a result as arrays of floats."""

    @pytest.mark.parametrize("size", SIZES)
    def test_every_size_is_accepted(self, size, predictor):
        self.check(predictor(astronaut(*size)), size)

    def test_every_source_gives_the_same_result(self, predictor, tmp_path):
        image, file = astronaut(60, 40), tmp_path / "image.png"
        image.save(file)
        expected = self.values(predictor(image))
        for source in (
            np.asarray(image),
            file,
            str(file),
            file.read_bytes(),
            io.BytesIO(file.read_bytes()),
        ):
            for value, expected_value in zip(self.values(predictor(source)), expected, strict=True):
                np.testing.assert_array_equal(value, expected_value)

    @pytest.mark.parametrize("source", [None, b"", b"not an image", "nowhere.png", np.zeros((2, 2, 5))])
    def test_other_sources_are_an_error(self, source, predictor):
        with pytest.raises(ImageError):
            predictor(source)

    def test_the_image_is_not_changed(self, predictor):
        image = astronaut(40, 30)
        pixels = image.tobytes()
        predictor(image)
        assert image.tobytes() == pixels

    def test_threads_do_not_interfere(self, predictor):
        images = [astronaut(64 + 8 * i, 50) for i in range(6)]
        sequential = [self.values(predictor(image)) for image in images]
        assert len({values[0].tobytes() for values in sequential}) == len(images)
        with ThreadPoolExecutor(6) as pool:
            concurrent = [self.values(result) for result in pool.map(predictor, images)]
        for expected, values in zip(sequential, concurrent, strict=True):
            for expected_value, value in zip(expected, values, strict=True):
                tolerance = 1e-3 if expected_value.dtype == np.float16 else 1e-5
                np.testing.assert_allclose(expected_value, value, atol=tolerance)

    def test_an_unknown_engine_is_an_error_with_all_names(self):
        with pytest.raises(ValueError, match="received 'unknown'") as error:
            self.predictor_class.load("unknown")
        assert f"one of {', '.join(self.engines)}" in str(error.value)

    def test_missing_weights_are_an_error(self, tmp_path):
        with pytest.raises(WeightsError, match="nothing does not exist"):
            self.predictor_class.load(folder=tmp_path / "nothing")
        (tmp_path / "empty").mkdir()
        with pytest.raises(WeightsError, match="is missing"):
            self.predictor_class.load(folder=tmp_path / "empty")

    def test_engines_are_complete_rows_under_their_names(self):
        for name, engine in self.engines.items():
            assert engine.name == name
            assert engine.title
            assert engine.description
