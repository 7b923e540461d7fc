"""Small charts as HTML, right in light and dark and on a narrow screen."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One bar of a chart.

    Attributes:
        name: What stands before it.
        value: Its length; a negative one runs to the left.
        text: What stands behind it, such as the value with its unit.
        color: A CSS color for what it stands for, if it has one of its own.
    """

    name: str
    value: float
    text: str
    color: str | None = None


def bar_chart(rows: Sequence[Bar], caption: str = "", most: float | None = None) -> str:
    """Horizontal bars below each other, all on one scale.

    Args:
        rows: The bars, from top to bottom.
        caption: What the bars show, written above them.
        most: The value of a bar as long as the chart; by default the longest bar is.

    Returns:
        HTML for `gr.HTML`; empty where there are no bars.
    """
    if not rows:
        return ""
    low, high = min(0, *(row.value for row in rows)), max(0, most or 0, *(row.value for row in rows))
    zero, span = -low, (high - low) or 1
    lines = "".join(_line(row, zero, span) for row in rows)
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="is-bars">{words}<dl>{lines}</dl></figure>'


def _line(row: Bar, zero: float, span: float) -> str:
    left, width = 100 * (zero + min(row.value, 0)) / span, 100 * abs(row.value) / span
    color = f";background:{html.escape(row.color)}" if row.color else ""
    side = "is-minus" if row.value < 0 else "is-plus"
    bar = f'<i class="{side}" style="left:{left:.2f}%;width:{width:.2f}%{color}"></i>'
    axis = f'<u style="left:{100 * zero / span:.2f}%"></u>'
    name, text = html.escape(row.name), html.escape(row.text)
    return f"<div><dt>{name}</dt><dd><span>{bar}{axis}</span><b>{text}</b></dd></div>"


@dataclass(frozen=True)
class Dot:
    """One dot of a scatter chart.

    Attributes:
        name: What it stands for; shown where the pointer rests on it.
        x: How far right it lies; above 0 on a logarithmic axis.
        y: How far up it lies.
        marked: Whether it is drawn in the accent's color.
    """

    name: str
    x: float
    y: float
    marked: bool = False


_WIDTH, _HEIGHT = 380, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 16, 44  # room for words around the plot
_BADGE = 9  # radius of a dot's number
_AROUND = [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)]


def scatter_plot(
    dots: Sequence[Dot], x: str, y: str, *, y_range: tuple[float, float] = (0, 1), caption: str = ""
) -> str:
    """Dots in a plane, numbered from 1 in their order, for a table beside the chart to tell their names.

    Numbers that would lie on each other are moved apart, with a line to the place that is meant.

    Args:
        dots: The dots.
        x: What runs to the right, on a logarithmic axis from one power of ten to another.
        y: What runs upwards.
        y_range: The lowest and the highest value of the upward axis.
        caption: What the chart shows, written above it.

    Returns:
        HTML for `gr.HTML`; empty where there are no dots.
    """
    if not dots:
        return ""
    low = math.floor(math.log10(min(dot.x for dot in dots)))
    high = max(low + 1, math.ceil(math.log10(max(dot.x for dot in dots))))
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    places = [
        (
            _LEFT + (right - _LEFT) * (math.log10(dot.x) - low) / (high - low),
            bottom - (bottom - _TOP) * (dot.y - y_range[0]) / (y_range[1] - y_range[0]),
        )
        for dot in dots
    ]
    parts = []
    for power in range(low, high + 1):
        across = _LEFT + (right - _LEFT) * (power - low) / (high - low)
        parts.append(f'<path class="grid" d="M{across:.1f} {_TOP}V{bottom}"/>')
        anchor = "end" if power == high else "middle"
        parts.append(_word(across, bottom + 16, f"{10.0**power:,.12g}", anchor))
    for step in range(5):
        value = y_range[0] + (y_range[1] - y_range[0]) * step / 4
        up = bottom - (bottom - _TOP) * step / 4
        parts.append(f'<path class="grid" d="M{_LEFT} {up:.1f}H{right}"/>')
        parts.append(_word(_LEFT - 6, up + 4, f"{value:.12g}", "end"))
    parts.append(_word((_LEFT + right) / 2, _HEIGHT - 8, x))
    parts.append(f'<g transform="translate(12 {(_TOP + bottom) / 2}) rotate(-90)">{_word(0, 0, y)}</g>')
    badges = _apart(places)
    for number, (dot, place, badge) in enumerate(zip(dots, places, badges, strict=True), 1):
        mark = ' class="is-marked"' if dot.marked else ""
        line = "" if badge == place else '<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>'.format(*place, *badge)
        spot = "" if badge == place else '<circle cx="{:.1f}" cy="{:.1f}" r="2.5"/>'.format(*place)
        ring = f'<circle cx="{badge[0]:.1f}" cy="{badge[1]:.1f}" r="{_BADGE}"/>'
        word = _word(badge[0], badge[1] + 4, str(number))
        parts.append(f"<g{mark}><title>{html.escape(dot.name)}</title>{line}{spot}{ring}{word}</g>")
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    said = html.escape(caption or f"{y} against {x}")
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}"'
    return f'<figure class="is-scatter">{words}<svg {size}>{"".join(parts)}</svg></figure>'


def _word(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _apart(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where each dot's number stands: at its place, or as near to it as there is room."""
    taken: list[tuple[float, float]] = []
    for left, top in places:
        tries = [
            (left + across * distance, top + down * distance)
            for distance in (2 * _BADGE + 2, 4 * _BADGE + 4, 6 * _BADGE + 6)
            for across, down in _AROUND
        ]
        free = (
            spot
            for spot in tries
            if _LEFT <= spot[0] <= _WIDTH - _BADGE
            and _BADGE <= spot[1] <= _HEIGHT - _BOTTOM
            and all(math.dist(spot, other) >= 2 * _BADGE + 1 for other in taken)
        )
        taken.append(next(free, (left, top)))
    return taken
