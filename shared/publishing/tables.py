"""Markdown tables of results: the headline of a model card, and all figures of a set of weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from shared.publishing.results import Headline, Result, find_figures, format_number


class MarkError(ValueError):
    """Text in which one mark of a pair is missing; the message names both."""


def headline_table(results: Sequence[Result], headline: Sequence[Headline]) -> str:
    """Return the table of a model card: our figures, the published ones, the best others.

    Args:
        results: Results of the weight folder.
        headline: Selected figures.

    Returns:
        A table with a line per figure; a column without a figure is left out.
    """
    lines = [["measured on", "figure", "ours", "published", "best peer"]]
    for row in headline:
        for metric in row.metrics:
            others = (
                _quote(find_figures(results, row, source).get(metric), source)
                for source in (row.published or "", row.peer or "")
            )
            ours = format_number(find_figures(results, row, row.engine)[metric])
            lines.append([row.title, metric.replace("_", " "), f"**{ours}**", *others])
    columns = [column for column in zip(*lines, strict=True) if any(column[1:]) or column[0] == "ours"]
    head, *body = zip(*columns, strict=True)
    return _table(head, body)


def benchmark_tables(results: Sequence[Result]) -> dict[str, str]:
    """Return the tables of all figures, with the commands that reproduce them, by benchmark.

    Args:
        results: Results of the weight folder.

    Returns:
        `{benchmark: Markdown}`: for each data set our engines, then the published figures in italics.
    """
    protocols: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        protocols.setdefault((result.benchmark, result.data, result.split), []).append(result)
    tables: dict[str, list[str]] = {}
    for (benchmark, data, split), rows in protocols.items():
        tables.setdefault(benchmark, []).append(f"**{data}**, {split}\n\n{_protocol_table(rows)}")
    return {benchmark: "\n\n".join(parts) for benchmark, parts in tables.items()}


def fill(text: str, mark: str, content: str) -> str | None:
    r"""Replace the text between the marks `<!-- mark -->` and `<!-- /mark -->`.

    Args:
        text: Text with both marks, in this order, or with none.
        mark: Name of the marks.
        content: Text for the space between them.

    Returns:
        The text with the content; None without marks.

    Raises:
        MarkError: One of the marks is missing, or they come in the other order.

    >>> fill("a <!-- x -->old<!-- /x --> b", "x", "new")
    'a <!-- x -->\nnew\n<!-- /x --> b'
    """
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if begin not in text and end not in text:
        return None
    before, found_begin, after = text.partition(begin)
    _, found_end, after = after.partition(end)
    if not found_begin or not found_end:
        raise MarkError(f"there must be both marks, {begin} and then {end}: correct it by hand")
    return f"{before}{begin}\n{content}\n{end}{after}"


def marked(mark: str, content: str) -> str:
    """Return the content between the marks that `fill` looks for."""
    return f"<!-- {mark} -->\n{content}\n<!-- /{mark} -->"


def slug(name: str) -> str:
    """Return a name as an identifier of the Hub: lower case, words joined by hyphens.

    >>> slug("BSDS 500, test")
    'bsds-500-test'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _protocol_table(rows: Sequence[Result]) -> str:
    published = {source: figures for row in rows for source, figures in row.published.items()}
    metrics = list(
        dict.fromkeys(
            metric for figures in (*(row.metrics for row in rows), *published.values()) for metric in figures
        )
    )
    body = [[row.engine, *_numbers(row.metrics, metrics), str(row.items)] for row in rows]
    body += [[f"*{source}*", *_numbers(figures, metrics), ""] for source, figures in published.items()]
    table = _table(["engine", *metrics, "items"], body)
    commands = "\n".join(dict.fromkeys(row.command for row in rows if row.command))
    return f"{table}\n\n```bash\n{commands}\n```" if commands else table


def _numbers(figures: Mapping[str, float], metrics: Sequence[str]) -> list[str]:
    return [format_number(figures.get(metric)) for metric in metrics]


def _quote(value: float | None, source: str) -> str:
    return "" if value is None else f"{format_number(value)} ({source})"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
