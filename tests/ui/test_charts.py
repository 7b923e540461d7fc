"""Bar charts, scatter plots and line charts: positions, colors and labels."""

import math
import re

from shared.ui.components.charts import Bar, Dot, Line, bar_chart, line_chart, scatter_plot


def bar_positions(chart):
    """Return the left end and the width of each bar, in percent of the chart."""
    return [tuple(map(float, match)) for match in re.findall(r"<i .*?left:([\d.]+)%;width:([\d.]+)%", chart)]


def test_longest_bar_fills_the_chart():
    assert bar_positions(bar_chart([Bar("a", 2, "2"), Bar("b", 1, "1")])) == [(0, 100), (0, 50)]


def test_the_full_length_can_be_set():
    assert bar_positions(bar_chart([Bar("a", 0.5, "50%")], full_length=1)) == [(0, 50)]


def test_negative_values_run_to_the_left_of_zero():
    chart = bar_chart([Bar("for", 3, "+3"), Bar("against", -1, "−1")])
    assert bar_positions(chart) == [(25, 75), (0, 25)]
    assert chart.count("is-minus") == 1
    assert chart.count('<u style="left:25.00%">') == 2


def test_bars_of_no_length():
    assert bar_positions(bar_chart([Bar("a", 0, "0"), Bar("b", 0, "0")])) == [(0, 0), (0, 0)]


def test_labels_are_escaped():
    chart = bar_chart([Bar("<b>", 1, "1 & 2", color='"red')], caption="<i>")
    assert "&lt;b&gt;" in chart
    assert "1 &amp; 2" in chart
    assert "&lt;i&gt;" in chart
    assert '"red' not in chart


def test_without_bars_there_is_no_chart():
    assert bar_chart([], caption="nothing") == ""


def badges(chart):
    """Return the center of each badge, in units of the drawing."""
    return [tuple(map(float, match)) for match in re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="9"', chart)]


def test_dots_lie_at_their_values():
    chart = scatter_plot([Dot("a", 1, 0), Dot("b", 100, 1, marked=True), Dot("c", 10, 0.5)], "ms", "recall")
    (left, bottom), (right, top), middle = badges(chart)
    assert left < right
    assert top < bottom
    assert middle == ((left + right) / 2, (top + bottom) / 2)
    assert re.findall(r'<g class="is-marked"><title>(.*?)</title>', chart) == ["b"]
    assert [text in chart for text in (">1</text>", ">10</text>", ">100</text>", ">0.75</text>")] == [
        True
    ] * 4


def test_badges_do_not_overlap():
    centers = badges(scatter_plot([Dot(str(i), 5, 1) for i in range(8)], "ms", "recall"))
    distances = [math.dist(a, b) for i, a in enumerate(centers) for b in centers[:i]]
    assert len(centers) == 8
    assert min(distances) > 18
    assert all(0 < x < 380 and 0 < y < 260 for x, y in centers)


def test_small_and_large_values_have_an_axis():
    chart = scatter_plot([Dot("a", 0.004, 0.2), Dot("b", 3000, 0.9)], "ms", "recall")
    assert ">0.001</text>" in chart
    assert ">10,000</text>" in chart


def test_labels_of_dots_are_escaped():
    chart = scatter_plot([Dot("<b>", 1, 1)], "<x>", "y & z", caption='"<i>')
    assert "<b>" not in chart
    assert "&lt;x&gt;" in chart
    assert "y &amp; z" in chart
    assert "&quot;&lt;i&gt;" in chart
    assert scatter_plot([], "x", "y") == ""


def line_ends(chart):
    """Return the last point of each line, in units of the drawing."""
    return [tuple(map(float, match)) for match in re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="3.5"', chart)]


def label_heights(chart):
    """Return the height of the label of each line."""
    return [float(height) for height in re.findall(r'r="3.5"/><text x="[\d.]+" y="([\d.]+)"', chart)]


def test_lines_grow_towards_the_end_of_the_axis():
    def draw(*points):
        return line_chart([Line("new", points, marked=True)], "steps", "percent", x_range=(0, 60))

    (start,), (middle,), (end,) = (
        line_ends(draw(*points)) for points in ([(0, 0)], [(0, 0), (30, 0.5)], [(0, 0), (60, 1)])
    )
    assert middle == ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    assert end[0] < 380 - 90  # there is room for the label
    assert re.findall(r">(\d+)</text>", draw((0, 0)))[:5] == ["0", "15", "30", "45", "60"]


def test_labels_of_lines_do_not_overlap_and_stay_inside():
    for value in (0, 0.5, 1):
        lines = [Line(name, [(0, value)]) for name in ("new", "old")]
        heights = label_heights(line_chart(lines, "steps", "percent", x_range=(0, 1)))
        assert heights[1] - heights[0] >= 15
        assert all(10 < height < 224 for height in heights)


def test_labels_of_lines_are_escaped_and_lines_without_points_left_out():
    chart = line_chart([Line("<b>", [(0, 1)]), Line("empty", [])], "<x>", "y", x_range=(0, 1), caption='"<i>')
    assert "<b>" not in chart
    assert "&lt;b&gt;" in chart
    assert "empty" not in chart
    assert line_chart([Line("empty", [])], "x", "y", x_range=(0, 1)) == ""
