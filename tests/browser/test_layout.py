"""Every page on a desktop and on a phone, light and dark: width, fonts, contrast, engine menus."""

import pytest

import app

SIZES = {"desktop": (1400, 900), "phone": (390, 844)}
PATHS = ["/", *(f"/{name}" for name in app.NAMES)]

# Color of the subdued text below the title, and of the first background behind it.
COLORS = """() => {
    const text = document.querySelector('.is-header p');
    let background = text;
    while (getComputedStyle(background).backgroundColor == 'rgba(0, 0, 0, 0)') {
        background = background.parentElement;
    }
    return [getComputedStyle(text).color, getComputedStyle(background).backgroundColor];
}"""
LOADED_FONTS = "[...document.fonts].filter(font => font.status == 'loaded').map(font => font.family)"
# Values of menus that are wider than their fields.
CUT_OFF = """[...document.querySelectorAll('.is-engine input[role=combobox]')]
    .filter(field => field.offsetParent && field.scrollWidth > field.clientWidth)
    .map(field => field.value)"""


def contrast(color: str, background: str) -> float:
    """Return the contrast of two CSS colors by WCAG 2; 4.5 is enough for any text."""

    def luminance(color: str) -> float:
        channels = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels
        ]
        return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([luminance(color), luminance(background)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", ["/", "/edges"])
def test_pages_have_the_right_fonts_and_colors(visit, path, size, theme):
    width, height = SIZES[size]
    page = visit(path, width=width, height=height, theme=theme)
    page.evaluate("document.fonts.ready")
    assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    assert any("IBM Plex Sans" in font for font in page.evaluate(LOADED_FONTS))
    assert "IBM Plex Sans" in page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")
    assert contrast(*page.evaluate(COLORS)) > 4.5


#: Texts of the options of an open menu that are wider than the menu.
WIDE_OPTIONS = "all => all.filter(item => item.scrollWidth > item.clientWidth).map(item => item.innerText)"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_cut_off(visit, path, size):
    width, height = SIZES[size]
    page = visit(path, width=width, height=height)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    menu = page.locator(".is-engine input[role=combobox]").locator("visible=true")
    for number in range(menu.count()):
        menu.nth(number).click()
        options = page.get_by_role("option")
        options.first.wait_for()
        assert options.evaluate_all(WIDE_OPTIONS) == []
        page.keyboard.press("Escape")
    assert page.evaluate(CUT_OFF) == []
