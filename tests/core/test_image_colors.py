"""Images become sRGB by their profiles; the right colors are those of Chromium's canvas."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from shared.core.images import open_image
from tests.core.color_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    chunk,
    gamma_curve,
    grey_profile,
    rgb_profile,
    srgb_curve,
    table_curve,
    with_chunks,
)
from tests.core.sample_files import encode, plain

COLOR = (100, 180, 60)
P3 = rgb_profile(DISPLAY_P3, srgb_curve())
PROFILES = {
    "display_p3": P3,
    "adobe_rgb": rgb_profile(ADOBE_RGB, gamma_curve(2.2)),
    "prophoto": rgb_profile(PROPHOTO, gamma_curve(1.8)),
}


def color(data):
    return np.array(open_image(data).getpixel((2, 2)))


def by_lcms(profile, source, mode="RGB"):
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB", 1, 0x2000
    )
    return np.array(transform.apply(Image.new(mode, (1, 1), source)).getpixel((0, 0)))


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_profiles_in_every_format(name, format):
    profile = PROFILES[name]
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 98}, "AVIF": {"quality": 98}}.get(format, {})
    data = encode(plain(COLOR), format, icc_profile=profile, **lossless)
    tolerance = 2 if format in ("PNG", "WEBP", "TIFF") else 9
    assert np.abs(color(data) - by_lcms(profile, COLOR)).max() <= tolerance
    assert np.abs(color(data) - COLOR).max() > 20


def test_random_colors_agree_with_a_color_management_system():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    curve = table_curve([round(65535 * (index / 99) ** 2.4) for index in range(100)])
    for profile in (P3, PROFILES["prophoto"], rgb_profile(ADOBE_RGB, curve)):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB", 1, 0x2100)
        right = np.asarray(transform.apply(Image.fromarray(pixels))).astype(int)
        levels = np.asarray(open_image(encode(Image.fromarray(pixels), "PNG", icc_profile=profile)))
        assert np.abs(levels - right).max() <= 2


def test_palette_and_alpha():
    right = by_lcms(P3, COLOR)
    palette = encode(plain(COLOR).quantize(4), "PNG", icc_profile=P3)
    assert np.abs(color(palette) - right).max() <= 1
    clear = encode(plain((*COLOR, 128), mode="RGBA"), "PNG", icc_profile=P3)
    assert np.abs(color(clear) - (right + 255) / 2).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_linear_grey(mode):
    image = Image.fromarray(np.full((5, 5), 40 * 257, np.uint16)) if mode == "I;16" else plain(40, mode="L")
    data = encode(image.convert(mode), "PNG", icc_profile=grey_profile(gamma_curve(1)))
    assert np.abs(color(data) - 110).max() <= 1


@pytest.mark.parametrize(
    "profile", [b"x" * 300, P3[:200], P3[:140] + b"\xff" * 400, grey_profile(gamma_curve(1)), b"acsp"]
)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_broken_and_foreign_profiles_are_ignored(profile, format):
    assert np.abs(color(encode(plain(COLOR), format, icc_profile=profile, quality=98)) - COLOR).max() <= 2


def test_srgb_profiles_change_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = open_image(encode(Image.fromarray(pixels), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    ("chunks", "right"),
    [
        ({"gAMA": struct.pack(">I", 100_000)}, (168, 219, 133)),
        ({"gAMA": struct.pack(">I", 45_455)}, COLOR),
        ({"sRGB": b"\0", "gAMA": struct.pack(">I", 100_000)}, COLOR),
        ({"gAMA": struct.pack(">I", 0)}, COLOR),
        ({"cICP": bytes([12, 13, 0, 1])}, None),
        ({"cICP": bytes([1, 13, 0, 1])}, COLOR),
        ({"cICP": bytes([200, 13, 0, 1])}, COLOR),
    ],
)
def test_color_chunks_of_png(chunks, right):
    data = with_chunks(encode(plain(COLOR), "PNG"), *(chunk(k.encode(), body) for k, body in chunks.items()))
    right = by_lcms(P3, COLOR) if right is None else right
    assert np.abs(color(data) - right).max() <= 1


def test_code_points_of_avif():
    data = bytearray(encode(plain(COLOR), "AVIF", quality=98))
    position = data.index(b"colrnclx") + 8
    data[position : position + 4] = struct.pack(">HH", 12, 13)
    assert np.abs(color(bytes(data)) - by_lcms(P3, COLOR)).max() <= 9


def test_high_dynamic_range_keeps_its_order():
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None].repeat(2, 0)).convert("RGB")
    for transfer, middle in ((16, 39), (18, 51)):  # at the level 73, as Chromium 156 shows it
        data = with_chunks(encode(ramp, "PNG"), chunk(b"cICP", bytes([9, transfer, 0, 1])))
        levels = np.asarray(open_image(data))[0, :, 1].astype(int)
        assert (np.diff(levels) >= 0).all()
        assert abs(levels[73] - middle) <= 1
