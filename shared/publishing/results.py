"""Results of a set of weights: `weights/<name>/results.json`, reports as the benchmarks wrote them.

    {
      "headline": [
        {"title": "BSDS500, test", "benchmark": "boundaries", "data": "BSDS500", "split": "test",
         "engine": "rds", "metrics": ["ODS", "OIS", "AP"], "published": "RDS", "peer": "PiDiNet"}
      ],
      "reports": [{"benchmark": "boundaries", "data": "BSDS500", "split": "test", "items": 200, ...}]
    }

`headline` is written by hand: it selects the figures of the model card's table and of its `model-index`. It
may be missing; then the figures of the first engine are selected. The reports have the form of
`shared.evaluation.reports.Report.as_dict`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from shared.evaluation.reports import by_engine

RESULTS = "results.json"

#: Most figures that a headline may have: a card fits one screen.
MAX_FIGURES = 12

_REQUIRED = ("benchmark", "data", "split", "items", "metrics")


class ResultsError(ValueError):
    """A report or a results file that cannot be used; the text names the file and the fix."""


@dataclass(frozen=True)
class Result:
    """Figures of one engine in one benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        data: Name of the data set.
        split: Part of it, such as `"test"`.
        engine: Name of the engine.
        items: Number of items used.
        metrics: Our figures; scores are fractions in 0..1.
        published: Figures of papers by their source, `{source: {metric: value}}`.
        seconds: Duration of the benchmark; None if it measured several engines.
        images_per_second: Items per second, likewise.
        command: Command that reproduces the figures.
    """

    benchmark: str
    data: str
    split: str
    engine: str
    items: int
    metrics: dict[str, float]
    published: dict[str, dict[str, float]]
    seconds: float | None = None
    images_per_second: float | None = None
    command: str | None = None


@dataclass(frozen=True)
class Headline:
    """Selection of figures for the model card: some metrics of one engine in one benchmark.

    Attributes:
        title: Name of the measurement in the card's table.
        benchmark: Benchmark of the figures.
        data: Data set of the figures.
        split: Part of it.
        engine: Engine of the figures.
        metrics: Metrics, in the order of the table.
        published: Source of the published figures, if any: a key of the report's `published`.
        peer: Source of the best other figures, if any: a key of `published`, or another engine.
    """

    title: str
    benchmark: str
    data: str
    split: str
    engine: str
    metrics: tuple[str, ...]
    published: str | None = None
    peer: str | None = None


def read_results(folder: str | os.PathLike[str]) -> list[Result]:
    """Read the measured figures of a weight folder.

    Args:
        folder: Weight folder.

    Returns:
        One result per engine and benchmark, in the order of the file; none without a results file.

    Raises:
        ResultsError: The file cannot be read.
    """
    name = Path(folder).resolve().name
    return [result for report in _read(folder)["reports"] for result in _results(report, name)]


def read_headline(folder: str | os.PathLike[str]) -> list[Headline]:
    """Read the selection of figures for the model card of a weight folder.

    Args:
        folder: Weight folder.

    Returns:
        The selection of the results file, at most `MAX_FIGURES` figures; by default the figures of the first
        engine.

    Raises:
        ResultsError: The file cannot be read, or selects figures that it does not hold, or too many.
    """
    selection = _read(folder).get("headline")
    results = read_results(folder)
    if selection is None:
        return [_default_headline(results[0])] if results else []
    path = Path(folder) / RESULTS
    try:
        headline = [Headline(**{**row, "metrics": tuple(row["metrics"])}) for row in selection]
    except (TypeError, KeyError) as error:
        keys = ", ".join(field.name for field in fields(Headline))
        raise ResultsError(f"each row of the headline in {path} has the keys {keys} ({error})") from error
    count = sum(len(row.metrics) for row in headline)
    if count > MAX_FIGURES:
        raise ResultsError(f"the headline in {path} selects {count} figures: select {MAX_FIGURES} at most")
    for row in headline:
        figures = find_figures(results, row, row.engine)
        missing = [metric for metric in row.metrics if metric not in figures]
        missing += [
            name for name in (row.published, row.peer) if name and not find_figures(results, row, name)
        ]
        if missing:
            raise ResultsError(f"{path} has no {', '.join(missing)} of {row.engine} in {row.title}")
    return headline


def find_figures(results: Iterable[Result], row: Headline, source: str) -> dict[str, float]:
    """Return the figures of an engine, or of a published source, in the benchmark of a headline's row.

    Args:
        results: Results of the weight folder.
        row: Row of the headline.
        source: Name of the engine, or a key of `published`.

    Returns:
        `{metric: value}`; nothing if there is no such source.
    """
    protocol = (row.benchmark, row.data, row.split)
    published: dict[str, float] = {}
    for result in results:
        if (result.benchmark, result.data, result.split) == protocol:
            if result.engine == source:
                return result.metrics
            published = published or result.published.get(source, {})
    return published


def add_report(folder: str | os.PathLike[str], report: Mapping[str, Any] | str | os.PathLike[str]) -> None:
    """Put a benchmark's report into the results file of a weight folder.

    Figures of the same benchmark, data, split and engine are replaced, in their place; all others stay.

    Args:
        folder: Weight folder.
        report: The report or the path of its JSON file.

    Raises:
        ResultsError: The report lacks a field, or a file cannot be read.
    """
    content = _read(folder)
    added = _read_report(report)
    name = Path(folder).resolve().name
    engines = {result.engine for result in _results(added, name)}
    reports: list[Mapping[str, Any]] = []
    place: int | None = None
    for existing in content["reports"]:
        if all(existing[key] == added[key] for key in ("benchmark", "data", "split")):
            metrics = by_engine(existing["metrics"], existing.get("weights") or name)
            remaining = {engine: figures for engine, figures in metrics.items() if engine not in engines}
            if len(remaining) < len(metrics):
                place = len(reports) if place is None else place
                if not remaining:
                    continue
                # the clock ran for the replaced engines too
                existing = {key: value for key, value in existing.items() if "second" not in key}
                existing["metrics"] = remaining
        reports.append(existing)
    reports.insert(len(reports) if place is None else place, added)
    path = Path(folder) / RESULTS
    path.write_text(
        json.dumps({**content, "reports": reports}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def format_number(value: float | None) -> str:
    """Format a figure as papers do: three decimals for scores, four digits or more for larger values.

    >>> format_number(0.78251), format_number(10.0684), format_number(12345.6), format_number(200)
    ('0.783', '10.07', '12346', '200')
    """
    if not isinstance(value, float):
        return "" if value is None else str(value)
    if abs(value) <= 1:
        return f"{value:.3f}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _read(folder: str | os.PathLike[str]) -> dict[str, Any]:
    path = Path(folder) / RESULTS
    if not path.exists():
        return {"reports": []}
    content = _read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("reports"), list):
        raise ResultsError(f'{path} must hold {{"reports": [...]}}: correct it by hand')
    return content


def _read_report(report: Mapping[str, Any] | str | os.PathLike[str]) -> Mapping[str, Any]:
    source = "the report"
    if not isinstance(report, Mapping):
        source = os.fspath(report)
        report = _read_json(Path(source))
    missing = [key for key in _REQUIRED if not isinstance(report, Mapping) or key not in report]
    if missing or not isinstance(report, Mapping):
        raise ResultsError(f"{source} lacks {', '.join(missing)}: write it with a benchmark's --json")
    return report


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} cannot be read ({error}): write it with a benchmark's --json") from error


def _results(report: Mapping[str, Any], name: str) -> list[Result]:
    metrics = by_engine(report["metrics"], report.get("weights") or name)
    alone = len(metrics) == 1  # the clock ran for all engines of a report
    return [
        Result(
            benchmark=report["benchmark"],
            data=report["data"],
            split=report["split"],
            engine=engine,
            items=report["items"],
            metrics=figures,
            published=by_engine(report.get("published") or {}, "published"),
            seconds=report.get("seconds") if alone else None,
            images_per_second=report.get("images_per_second") if alone else None,
            command=report.get("command"),
        )
        for engine, figures in metrics.items()
    ]


def _default_headline(result: Result) -> Headline:
    return Headline(
        title=f"{result.data}, {result.split}",
        benchmark=result.benchmark,
        data=result.data,
        split=result.split,
        engine=result.engine,
        metrics=tuple(result.metrics)[:MAX_FIGURES],
        published=next(iter(result.published), None),
    )
