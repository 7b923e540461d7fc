"""Small charts as HTML, right in light and dark and on a narrow screen."""

import html
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


def bars(rows: Sequence[Bar], caption: str = "", most: float | None = None) -> str:
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
