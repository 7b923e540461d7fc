"""Bars as HTML: their places, colors and words."""

import re

from shared.ui.charts import Bar, bars


def places(chart):
    """Left end and width of each bar, in percent of the chart."""
    return [tuple(map(float, found)) for found in re.findall(r"<i .*?left:([\d.]+)%;width:([\d.]+)%", chart)]


def test_longest_bar_fills_the_chart():
    assert places(bars([Bar("a", 2, "2"), Bar("b", 1, "1")])) == [(0, 100), (0, 50)]


def test_a_whole_can_be_given():
    assert places(bars([Bar("a", 0.5, "50%")], most=1)) == [(0, 50)]


def test_negative_values_run_to_the_left_of_zero():
    chart = bars([Bar("for", 3, "+3"), Bar("against", -1, "−1")])
    assert places(chart) == [(25, 75), (0, 25)]
    assert chart.count("is-minus") == 1
    assert chart.count('<u style="left:25.00%">') == 2


def test_bars_of_no_length():
    assert places(bars([Bar("a", 0, "0"), Bar("b", 0, "0")])) == [(0, 0), (0, 0)]


def test_words_are_no_markup():
    chart = bars([Bar("<b>", 1, "1 & 2", color='"red')], caption="<i>")
    assert "&lt;b&gt;" in chart
    assert "1 &amp; 2" in chart
    assert "&lt;i&gt;" in chart
    assert '"red' not in chart


def test_nothing_to_show():
    assert bars([], caption="nothing") == ""
