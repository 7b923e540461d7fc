"""File names for display and for archives."""

import pytest

from shared.core.file_names import display_name, safe_stem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "picture"),
        ("a\x00b", "ab"),
        ("\u202ex.png", "x.png"),
        ("photo\u202egpj.exe\r\n", "photogpj.exe"),
        ("e\u0301.jpg", "\u00e9.jpg"),
        ("y" * 200, "y" * 200),
    ],
)
def test_names_on_display_are_printable(name, expected):
    assert display_name(name) == expected


@pytest.mark.parametrize("max_length", [160, 200])
def test_long_names_keep_beginning_and_suffix(max_length):
    name = display_name("x" * 500 + "y" * 500 + ".jpeg", max_length)
    assert len(name) == max_length
    assert name.startswith("x")
    assert name.endswith("y.jpeg")


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
