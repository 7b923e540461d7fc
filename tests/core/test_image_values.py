"""Pictures as tensors and back, and names of files that are fit for every system."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.images import safe_stem, to_image, to_tensor
from tests.core.image_files import quarters


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


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("holiday.jpg", "holiday"),
        ("a.b.tar.gz", "a.b.tar"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.png", "me"),
        ("/absolute/é\u0301té.webp", "é\u0301té"),
        ("line\nbreak\x00\x7f.png", "linebreak"),
        ("\u202egnp.exe", "gnp"),
        ("con.png", "_con"),
        ('what? "this" <one>|.png', "what_ _this_ _one__"),
        (" . .", "picture"),
        ("", "picture"),
        ("日本.png", "日本"),
        ("\ud800.png", "picture"),
    ],
)
def test_safe_stem(name, stem):
    assert safe_stem(name) == stem


def test_safe_stem_fits_a_file_system():
    stem = safe_stem("日" * 500 + ".png")
    assert 0 < len(stem.encode()) <= 120
    assert set(stem) == {"日"}
