"""Measured figures on model cards: put there by a benchmark, read back by the page that shows them.

A model card is `weights/<name>/README.md`. Its front matter holds the figures as Hugging Face's `model-index`
and a table in its text shows them, between the marks `<!-- measured -->` and `<!-- /measured -->`. Both come
from the JSON report of a benchmark:

    python -m shared.publishing.cards weights/edges-rds report.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, metadata_save
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

BEGIN, END = "<!-- measured -->", "<!-- /measured -->"

# What a report says beside its figures; kept in the entries' `dataset.args`, the place for settings of a run.
_DETAILS = ("benchmark", "engine", "items", "seconds", "images_per_second", "command")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CardError(ValueError):
    """A report or a model card that cannot be used; the text names the file and the fix."""


@dataclass(frozen=True)
class Result:
    """The figures of one engine in one benchmark.

    Args:
        benchmark: The benchmark's name.
        data: The data set's name.
        split: The part of it, such as `"test"`.
        engine: What was measured.
        items: How many items of the split were used.
        metrics: Our figures; scores are fractions from 0 to 1.
        published: Figures from papers by their source, `{source: {metric: value}}`.
        seconds: How long the benchmark took, if it measured this engine alone.
        images_per_second: How fast the engine was, likewise.
        command: What reproduces the figures.
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


def results(folder: str | os.PathLike) -> list[Result]:
    """Reads the measured figures of a model card.

    Args:
        folder: A weight folder.

    Returns:
        What `write_results` has put there, in that order; nothing for a folder without a model card.

    Raises:
        CardError: The front matter cannot be read.
    """
    return _results(_read_index(Path(folder) / "README.md")[1])


def write_results(folder: str | os.PathLike, report: Mapping[str, Any] | str | os.PathLike) -> None:
    """Puts a benchmark's report into a model card.

    Figures of the same benchmark, data, split and engine are replaced; all others stay.

    Args:
        folder: A weight folder. A model card is made where there is none.
        report: The report or the path of its JSON file. Its `metrics` are `{metric: value}` or
            `{engine: {metric: value}}`, and so are its `published` figures, by their source.

    Raises:
        CardError: The report lacks a field, or the card's front matter or marks cannot be read.
    """
    card = Path(folder).resolve() / "README.md"
    metadata, entries = _read_index(card)
    groups: dict[tuple, list[EvalResult]] = {}
    for entry in entries:
        groups.setdefault(_identity(entry), []).append(entry)
    for group in _entries(_read_report(report), metadata.get("pipeline_tag") or "other", card.parent.name):
        groups[_identity(group[0])] = group  # in the place of the old ones, or last
    entries = [entry for group in groups.values() for entry in group]

    index = metadata.get("model-index") or [{"name": card.parent.name}]
    metadata["model-index"] = eval_results_to_model_index(index[0]["name"], entries)
    text = card.read_text(encoding="utf-8") if card.exists() else f"# {card.parent.name}\n"
    card.write_text(_with_tables(text, _results(entries)), encoding="utf-8")
    metadata_save(card, metadata)


def _identity(entry: EvalResult) -> tuple:
    return entry.unique_identifier[1:]  # not the task, which a later edit of the card may change


def _read_index(card: Path) -> tuple[dict[str, Any], list[EvalResult]]:
    """Reads a card's front matter and the entries of its `model-index`."""
    if not card.exists():
        return {}, []
    try:
        metadata = front_matter(card)
        entries = model_index_to_eval_results(metadata["model-index"])[1] if "model-index" in metadata else []
    except Exception as error:  # YAML's errors have no common base with those of a wrong structure
        raise CardError(f"the front matter of {card} cannot be read ({error}): correct it by hand") from error
    return metadata, entries


def front_matter(card: Path) -> dict[str, Any]:
    """What stands in YAML at the top of a card; nothing where there is none.

    As `huggingface_hub.metadata_load`, but with the parser in C: a card with many figures takes the one in
    Python a quarter of a second, and the first page of the suite waits for all of them.
    """
    block = REGEX_YAML_BLOCK.search(card.read_text(encoding="utf-8-sig"))
    return (yaml.load(block[2], Loader=_LOADER) if block else None) or {}


def _results(entries: list[EvalResult]) -> list[Result]:
    found: dict[tuple, Result] = {}
    for entry in entries:
        details = entry.dataset_args or {}
        if "benchmark" not in details:  # written by someone else
            continue
        empty = Result(
            data=entry.dataset_name,
            split=entry.dataset_split or "",
            metrics={},
            published=details.get("published", {}),
            **{key: details.get(key) for key in _DETAILS},
        )
        found.setdefault(_identity(entry), empty).metrics[entry.metric_type] = entry.metric_value
    return list(found.values())


def _read_report(report: Mapping[str, Any] | str | os.PathLike) -> Mapping[str, Any]:
    source = "the report"
    if not isinstance(report, Mapping):
        source = os.fspath(report)
        try:
            report = json.loads(Path(report).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CardError(f"{source} cannot be read as a report ({error}): write it with --json") from error
    missing = [key for key in ("benchmark", "data", "split", "items", "metrics") if key not in report]
    if missing:
        raise CardError(f"{source} lacks {', '.join(missing)}: write it with a benchmark's --json")
    return report


def _entries(report: Mapping[str, Any], task: str, name: str) -> list[list[EvalResult]]:
    """Turns a report into entries of a `model-index`, one list for each engine."""
    benchmark, data = report["benchmark"], report["data"]
    engines = _by_name(report["metrics"], report.get("weights") or name)
    details = {key: report[key] for key in _DETAILS if report.get(key) is not None}
    details["published"] = _by_name(report.get("published") or {}, "published")
    if len(engines) > 1:  # the clock ran for all of them together
        details = {key: value for key, value in details.items() if "second" not in key}
    return [
        [
            EvalResult(
                task_type=task,
                task_name=benchmark,
                dataset_type=re.sub(r"[^a-z0-9]+", "-", data.lower()).strip("-"),
                dataset_name=data,
                dataset_config=f"{benchmark}, {engine}",
                dataset_split=report["split"],
                dataset_args={**details, "engine": engine},
                metric_type=metric,
                metric_name=metric,
                metric_value=value,
            )
            for metric, value in metrics.items()
        ]
        for engine, metrics in engines.items()
    ]


def _by_name(figures: Mapping[str, Any], name: str) -> dict[str, dict[str, float]]:
    """Gives figures the form `{name: {metric: value}}`, if they are `{metric: value}`."""
    if all(isinstance(value, Mapping) for value in figures.values()):
        return {key: dict(value) for key, value in figures.items()}
    return {name: dict(figures)}


def _with_tables(text: str, measured: list[Result]) -> str:
    """Puts the tables of all protocols between the marks of a card's text."""
    if BEGIN not in text and END not in text:
        text = f"{text.rstrip()}\n\n## Measured\n\n{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise CardError(f"the model card must hold both marks, {BEGIN} and then {END}: correct it by hand")
    protocols: dict[tuple, list[Result]] = {}
    for result in measured:
        protocols.setdefault((result.benchmark, result.data, result.split), []).append(result)
    tables = "\n\n".join(_table(*protocol, rows) for protocol, rows in protocols.items())
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def _table(benchmark: str, data: str, split: str, rows: list[Result]) -> str:
    """Writes the table of one protocol: our engines, then the published figures, then the commands.

    How long the measurement itself took is no property of the engine and stays in the front matter.
    """
    published = {source: figures for row in rows for source, figures in row.published.items()}
    figures = [*(row.metrics for row in rows), *published.values()]
    metrics = list(dict.fromkeys(metric for line in figures for metric in line))
    lines = [
        ["engine", *metrics, "items"],
        ["---"] * (len(metrics) + 2),
        *[_cells(row.engine, row.metrics, metrics, row.items) for row in rows],
        *[_cells(f"*{source}*", line, metrics) for source, line in published.items()],
    ]
    commands = list(dict.fromkeys(row.command for row in rows if row.command))
    code = "\n".join(["", "```", *commands, "```"]) if commands else ""
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"**{benchmark}** on {data}, {split}\n\n{table}\n{code}".rstrip()


def _cells(name: str, figures: Mapping[str, Any], metrics: list[str], items: int | None = None) -> list[str]:
    values = [*(figures.get(metric) for metric in metrics), items]
    return [name.replace("|", "\\|"), *map(number, values)]


def number(value: Any) -> str:
    """Writes a figure as papers do: three decimals for scores, four digits or more for what is larger.

    >>> number(0.78251), number(10.0684), number(12345.6), number(200), number(None)
    ('0.783', '10.07', '12346', '200', '')
    """
    if not isinstance(value, float):
        return "" if value is None else str(value)
    if abs(value) <= 1:
        return f"{value:.3f}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def main() -> None:
    """Puts reports into a model card, as a command."""
    parser = argparse.ArgumentParser(description="Put the figures of benchmark reports into a model card.")
    parser.add_argument("folder", type=Path, help="the weight folder, such as weights/edges-rds")
    parser.add_argument("reports", type=Path, nargs="+", help="JSON files that a benchmark wrote with --json")
    options = parser.parse_args()
    for report in options.reports:
        write_results(options.folder, report)
    print(f"{options.folder / 'README.md'} holds {len(results(options.folder))} results")


if __name__ == "__main__":
    main()
