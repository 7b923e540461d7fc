"""Conversion of images to tensors and back."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.images import resize_to_tensor, to_image, to_tensor
from tests.core.sample_files import quarters
from tests.predictors import astronaut


def test_to_tensor():
    tensor = to_tensor(quarters())
    assert (tensor.shape, tensor.dtype) == ((1, 3, 30, 40), torch.float32)
    assert (tensor[0, :, 0, 0].tolist(), tensor[0, :, 29, 39].tolist()) == ([0, 0, 0], [1, 1, 1])
    assert to_tensor(Image.new("L", (4, 3), 255)).shape == (1, 3, 3, 4)


@pytest.mark.parametrize("convert", [torch.as_tensor, np.asarray])
def test_to_image_undoes_to_tensor(convert):
    assert to_image(convert(to_tensor(quarters())[0])).tobytes() == quarters().tobytes()
    grey = to_image(convert(np.array([[-0.2, 0.2, 1.2]], np.float32)))
    assert (grey.mode, list(grey.tobytes())) == ("L", [0, 51, 255])
    assert list(to_image(convert(np.array([[True, False]]))).tobytes()) == [255, 0]


@pytest.mark.parametrize("shape", [(5,), (1, 3, 4, 4), (4, 4, 3), (1, 4, 4)])
def test_to_image_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"expected shape \[H, W\] or \[3, H, W\]"):
        to_image(np.zeros(shape))


def test_to_image_refuses_nan():
    with pytest.raises(ValueError, match="NaN"):
        to_image(torch.tensor([[0.5, float("nan")]]))


@pytest.mark.parametrize("size", [(160, 120), (64, 200), (700, 30), (20, 15)])  # the last: from 4 times on
def test_resize_to_tensor_is_that_of_pil(size):
    image = astronaut(320, 240)
    resized = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    difference = (resize_to_tensor(image, size) - to_tensor(resized)).abs() * 255
    assert difference.max() < 1.01
    assert difference.mean() < 0.02
