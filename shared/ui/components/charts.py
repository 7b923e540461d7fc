"""Small charts as HTML, for light and dark pages and for narrow screens."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]


@dataclass(frozen=True)
class Bar:
    """One bar of a bar chart.

    Attributes:
        name: Label in front of the bar.
        value: Length of the bar; negative values run to the left.
        text: Label behind the bar, such as the value with its unit.
        color: CSS color; the accent's color by default.
    """

    name: str
    value: float
    text: str
    color: str | None = None


def bar_chart(bars: Sequence[Bar], caption: str = "", full_length: float | None = None) -> str:
    """Return the HTML of horizontal bars on one scale, empty without bars.

    Args:
        bars: The bars, from top to bottom.
        caption: Caption above the chart.
        full_length: Value of a bar as long as the chart; by default the longest bar's.
    """
    if not bars:
        return ""
    low = min(0, *(bar.value for bar in bars))
    high = max(0, full_length or 0, *(bar.value for bar in bars))
    rows = "".join(_bar_row(bar, -low, (high - low) or 1) for bar in bars)
    return f'<figure class="is-bars">{_caption(caption)}<dl>{rows}</dl></figure>'


def _bar_row(bar: Bar, zero: float, span: float) -> str:
    left, width = 100 * (zero + min(bar.value, 0)) / span, 100 * abs(bar.value) / span
    color = f";background:{html.escape(bar.color)}" if bar.color else ""
    side = "is-minus" if bar.value < 0 else "is-plus"
    line = f'<i class="{side}" style="left:{left:.2f}%;width:{width:.2f}%{color}"></i>'
    axis = f'<u style="left:{100 * zero / span:.2f}%"></u>'
    name, text = html.escape(bar.name), html.escape(bar.text)
    return f"<div><dt>{name}</dt><dd><span>{line}{axis}</span><b>{text}</b></dd></div>"


def _caption(text: str) -> str:
    return f"<figcaption>{html.escape(text)}</figcaption>" if text else ""


@dataclass(frozen=True)
class Dot:
    """One dot of a scatter plot.

    Attributes:
        name: Tooltip of the dot.
        x: Horizontal value, above 0.
        y: Vertical value.
        marked: True for the accent's color.
    """

    name: str
    x: float
    y: float
    marked: bool = False


_WIDTH, _HEIGHT = 380, 260
_LEFT, _TOP = 46, 16  # edges of the plot area; labels lie outside
_RIGHT, _BOTTOM = _WIDTH - 14, _HEIGHT - 44
_BADGE_RADIUS = 9  # of the circle with a dot's number
_BADGE_OFFSETS = [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)]


def scatter_plot(
    dots: Sequence[Dot],
    x_label: str,
    y_label: str,
    *,
    y_range: tuple[float, float] = (0, 1),
    caption: str = "",
) -> str:
    """Return the HTML of dots in a plane, numbered from 1 in their order, empty without dots.

    A table next to the chart can name the numbers. Numbers that would overlap are moved apart, with a line to
    their dots.

    Args:
        dots: The dots.
        x_label: Title of the horizontal axis, which is logarithmic and spans whole powers of ten.
        y_label: Title of the vertical axis.
        y_range: Lowest and highest value of the vertical axis.
        caption: Caption above the chart.
    """
    if not dots:
        return ""
    low = math.floor(math.log10(min(dot.x for dot in dots)))
    high = max(low + 1, math.ceil(math.log10(max(dot.x for dot in dots))))
    points = [
        (
            _LEFT + (_RIGHT - _LEFT) * (math.log10(dot.x) - low) / (high - low),
            _BOTTOM - (_BOTTOM - _TOP) * (dot.y - y_range[0]) / (y_range[1] - y_range[0]),
        )
        for dot in dots
    ]
    axes = "".join([*_x_axis(low, high, x_label), *_y_axis(y_range, y_label)])
    badges = enumerate(zip(dots, points, _spread(points), strict=True), 1)
    drawn_dots = "".join(_dot(number, *parts) for number, parts in badges)
    description = html.escape(caption or f"{y_label} against {x_label}")
    attributes = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{description}"'
    svg = f"<svg {attributes}>{axes}{drawn_dots}</svg>"
    return f'<figure class="is-scatter">{_caption(caption)}{svg}</figure>'


@dataclass(frozen=True)
class Line:
    """One line of a line chart.

    Attributes:
        label: Text behind the last point.
        points: Horizontal and vertical values, from left to right.
        marked: True for the accent's color.
    """

    label: str
    points: Sequence[Point]
    marked: bool = False


_LABEL_WIDTH = 96  # of the labels of lines, to the right of the plot area
_LINE_HEIGHT = 15  # of a label


def line_chart(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    x_range: tuple[float, float],
    y_range: tuple[float, float] = (0, 1),
    caption: str = "",
) -> str:
    """Return the HTML of lines with a label at the end of each, empty without points.

    Args:
        lines: The lines; those without points are left out.
        x_label: Title of the horizontal axis.
        y_label: Title of the vertical axis.
        x_range: Lowest and highest value of the horizontal axis, which lines need not reach.
        y_range: Lowest and highest value of the vertical axis.
        caption: Caption above the chart.
    """
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    right = _RIGHT - _LABEL_WIDTH
    scale_x = (right - _LEFT) / (x_range[1] - x_range[0])
    scale_y = (_BOTTOM - _TOP) / (y_range[1] - y_range[0])
    paths = [
        [(_LEFT + scale_x * (x - x_range[0]), _BOTTOM - scale_y * (y - y_range[0])) for x, y in line.points]
        for line in lines
    ]
    heights = _spread_heights([path[-1][1] for path in paths])
    drawn_lines = "".join(map(_line, lines, paths, heights))
    axes = "".join([*_linear_x_axis(x_range, right, x_label), *_y_axis(y_range, y_label, right)])
    description = html.escape(f"{caption or y_label}: {', '.join(line.label for line in lines)}")
    attributes = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{description}"'
    svg = f"<svg {attributes}>{axes}{drawn_lines}</svg>"
    return f'<figure class="is-scatter is-lines">{_caption(caption)}{svg}</figure>'


def _line(line: Line, path: Sequence[Point], height: float) -> str:
    """Return the SVG of a line with its last point and its label at a height."""
    mark = ' class="is-marked"' if line.marked else ""
    x, y = path[-1]
    points = "L".join(f"{x:.1f} {y:.1f}" for x, y in path)
    end = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    return f'<g{mark}><path d="M{points}"/>{end}{_text(x + 8, height + 4, line.label, "start")}</g>'


def _spread_heights(heights: Sequence[float]) -> list[float]:
    """Return heights of labels near some heights, in their order, that are a line's height apart."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    spread = list(heights)
    for lower, upper in pairwise(order):
        spread[upper] = max(spread[upper], spread[lower] + _LINE_HEIGHT)
    surplus = max(0, spread[order[-1]] - _BOTTOM)  # the labels move up where they would leave the plot area
    return [height - surplus for height in spread]


def _linear_x_axis(x_range: tuple[float, float], right: float, label: str) -> list[str]:
    """Return the SVG of the numbers at quarters of the range, and of the axis' title."""
    parts = []
    for step in range(5):
        value = x_range[0] + (x_range[1] - x_range[0]) * step / 4
        parts.append(_text(_LEFT + (right - _LEFT) * step / 4, _BOTTOM + 16, f"{value:.12g}"))
    return [*parts, _text((_LEFT + right) / 2, _HEIGHT - 8, label)]


def _x_axis(low: int, high: int, label: str) -> list[str]:
    """Return the SVG of the vertical grid lines at powers of ten."""
    parts = []
    for power in range(low, high + 1):
        x = _LEFT + (_RIGHT - _LEFT) * (power - low) / (high - low)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{_BOTTOM}"/>')
        parts.append(_text(x, _BOTTOM + 16, f"{10.0**power:,.12g}", "end" if power == high else "middle"))
    return [*parts, _text((_LEFT + _RIGHT) / 2, _HEIGHT - 8, label)]


def _y_axis(y_range: tuple[float, float], label: str, right: float = _RIGHT) -> list[str]:
    """Return the SVG of the horizontal grid lines at quarters of the range."""
    parts = []
    for step in range(5):
        value = y_range[0] + (y_range[1] - y_range[0]) * step / 4
        y = _BOTTOM - (_BOTTOM - _TOP) * step / 4
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{value:.12g}", "end"))
    middle = (_TOP + _BOTTOM) / 2
    return [*parts, f'<g transform="translate(12 {middle}) rotate(-90)">{_text(0, 0, label)}</g>']


def _dot(number: int, dot: Dot, point: Point, badge: Point) -> str:
    """Return the SVG of a numbered badge, with a line to the dot where it does not lie on it."""
    mark = ' class="is-marked"' if dot.marked else ""
    line = ""
    if badge != point:
        line = (
            f'<path d="M{point[0]:.1f} {point[1]:.1f}L{badge[0]:.1f} {badge[1]:.1f}"/>'
            f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="2.5"/>'
        )
    ring = f'<circle cx="{badge[0]:.1f}" cy="{badge[1]:.1f}" r="{_BADGE_RADIUS}"/>'
    label = _text(badge[0], badge[1] + 4, str(number))
    return f"<g{mark}><title>{html.escape(dot.name)}</title>{line}{ring}{label}</g>"


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _spread(points: Sequence[Point]) -> list[Point]:
    """Return a center for each badge: its point, or the nearest free position around it."""
    badges: list[Point] = []
    for x, y in points:
        candidates = (
            (x + dx * distance, y + dy * distance)
            for distance in (2 * _BADGE_RADIUS + 2, 4 * _BADGE_RADIUS + 4, 6 * _BADGE_RADIUS + 6)
            for dx, dy in _BADGE_OFFSETS
        )
        free = (
            candidate
            for candidate in candidates
            if _LEFT <= candidate[0] <= _WIDTH - _BADGE_RADIUS
            and _BADGE_RADIUS <= candidate[1] <= _BOTTOM
            and all(math.dist(candidate, badge) >= 2 * _BADGE_RADIUS + 1 for badge in badges)
        )
        badges.append(next(free, (x, y)))
    return badges
