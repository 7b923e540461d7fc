import numpy as np
from PIL import Image

from shared.matting.foreground import estimate_foreground
from tests.matting.conftest import disc, mixed

GREEN, ORANGE = (40, 160, 70), (230, 140, 20)


def soft_disc(side: int, radius: float, width: float) -> np.ndarray:
    """Return a disc whose border fades over `width` pixels."""
    y, x = np.mgrid[:side, :side]
    distance = np.hypot(x - side / 2, y - side / 2)
    return np.asarray(((radius - distance) / width + 0.5).clip(0, 1), np.float32)


def test_background_does_not_shine_through_the_border():
    alpha = soft_disc(400, 120, 24)
    levels = Image.fromarray(np.rint(alpha * 255).astype(np.uint8))
    colors = np.asarray(estimate_foreground(mixed(alpha, GREEN, ORANGE), levels), float)
    visible = alpha > 0.15
    assert np.abs(colors[visible] - GREEN).max() < 30
    assert np.abs(colors[visible] - GREEN).mean() < 3
    pure = np.asarray(mixed(alpha, GREEN, ORANGE), float)
    assert np.abs(pure[visible] - GREEN).max() > 100  # as it would be without


def test_opaque_pixels_keep_their_colors():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (300, 300, 3), np.uint8))
    alpha = np.rint(disc(300, 300, 100) * 255).astype(np.uint8)
    colors = np.asarray(estimate_foreground(image, Image.fromarray(alpha)))
    assert np.array_equal(colors[alpha == 255], np.asarray(image)[alpha == 255])


def test_image_without_a_border_stays():
    image = Image.new("RGB", (50, 30), GREEN)
    for level in (0, 255):
        assert estimate_foreground(image, Image.new("L", image.size, level)).tobytes() == image.tobytes()


def test_the_image_itself_is_not_changed():
    alpha = soft_disc(64, 20, 10)
    image = mixed(alpha, GREEN, ORANGE)
    before = image.tobytes()
    estimate_foreground(image, Image.fromarray(np.rint(alpha * 255).astype(np.uint8)))
    assert image.tobytes() == before
