"""Model cards: `weights/<name>/README.md`, with figures from `results.json`.

    python -m shared.publishing.cards weights/edges-rds report.json

puts a benchmark's report into `weights/edges-rds/results.json` and writes what follows from it:

* the headline table of the card, between the marks `<!-- headline -->` and `<!-- /headline -->`;
* the `model-index` of the card's front matter, with the same figures, in Hugging Face's form;
* `docs/results/edges-rds.md`, with all figures: the tables of a benchmark stand between the marks
  `<!-- results: NAME -->` and `<!-- /results: NAME -->`.

All other text is written by hand and stays. Without a report the command writes these anew, as after a change
of the `headline` in `results.json` (see `shared.publishing.results`).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.core.front_matter import FrontMatterError, read_front_matter, write_front_matter
from shared.publishing.results import (
    Headline,
    Result,
    ResultsError,
    add_report,
    find_figures,
    read_headline,
    read_results,
)
from shared.publishing.tables import MarkError, benchmark_tables, fill, headline_table, marked, slug

CARD = "README.md"


class CardError(ValueError):
    """A model card that cannot be used; the text names the file and the fix."""


def write_reports(
    folder: str | os.PathLike[str], reports: Iterable[Mapping[str, Any] | str | os.PathLike[str]]
) -> None:
    """Put reports of benchmarks into the results of a weight folder, and update its card and tables.

    Args:
        folder: Weight folder.
        reports: Reports, or the paths of their JSON files.

    Raises:
        ResultsError: A report lacks a field, or a file cannot be read.
        CardError: The card's front matter or marks cannot be read.
    """
    for report in reports:
        add_report(folder, report)
    update_card(folder)


def update_card(folder: str | os.PathLike[str]) -> None:
    """Write the headline table, the `model-index` and the tables of all results anew.

    Args:
        folder: Weight folder. A card is created where there is none; the tables go to
            `docs/results/<name>.md` if the folder lies in the project's `weights`.

    Raises:
        ResultsError: The results cannot be read.
        CardError: The card's front matter or marks cannot be read.
    """
    folder = Path(folder).resolve()
    results, headline = read_results(folder), read_headline(folder)
    card = folder / CARD
    metadata = _read_metadata(card)
    text = card.read_text(encoding="utf-8") if card.exists() else f"# {folder.name}\n"
    table = headline_table(results, headline)
    card.write_text(_filled(card, text, "headline", table, heading="Results"), encoding="utf-8")
    metadata["model-index"] = model_index(results, headline, metadata, folder.name)
    write_front_matter(card, metadata)
    if folder.parent.name == "weights":
        tables = folder.parents[1] / "docs" / "results" / f"{folder.name}.md"
        tables.parent.mkdir(parents=True, exist_ok=True)
        tables.write_text(results_page(tables, folder.name, results), encoding="utf-8")


def model_index(
    results: Sequence[Result], headline: Sequence[Headline], metadata: Mapping[str, Any], name: str
) -> list[dict[str, Any]]:
    """Return the headline's figures as Hugging Face's `model-index`.

    Args:
        results: Results of the weight folder.
        headline: Selected figures.
        metadata: Front matter of the card; its `pipeline_tag` is the task.
        name: Name of the model.

    Returns:
        The value of the key `model-index`.
    """
    from huggingface_hub import EvalResult
    from huggingface_hub.repocard_data import eval_results_to_model_index

    entries = [
        EvalResult(
            task_type=metadata.get("pipeline_tag") or "other",
            task_name=row.benchmark,
            dataset_type=slug(row.data),
            dataset_name=row.data,
            dataset_config=f"{row.benchmark}, {row.engine}",
            dataset_split=row.split,
            metric_type=metric,
            metric_value=find_figures(results, row, row.engine)[metric],
        )
        for row in headline
        for metric in row.metrics
    ]
    index: list[dict[str, Any]] = eval_results_to_model_index(name, entries)
    return index


def results_page(path: Path, name: str, results: Sequence[Result]) -> str:
    """Return the text of a results page with the tables of all benchmarks.

    Args:
        path: The page; text outside its marks stays, and a benchmark without marks gets a section at the end.
        name: Name of the weights.
        results: Results of the weight folder.

    Raises:
        CardError: The page holds half a pair of marks.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else f"# Results of {name}\n"
    for benchmark, tables in benchmark_tables(results).items():
        heading = benchmark[:1].upper() + benchmark[1:]
        text = _filled(path, text, f"results: {benchmark}", tables, heading=heading)
    return text


def _filled(path: Path, text: str, mark: str, content: str, *, heading: str) -> str:
    try:
        filled = fill(text, mark, content)
    except MarkError as error:
        raise CardError(f"{path}: {error}") from error
    return filled or f"{text.rstrip()}\n\n## {heading}\n\n{marked(mark, content)}\n"


def _read_metadata(card: Path) -> dict[str, Any]:
    try:
        return read_front_matter(card) if card.exists() else {}
    except FrontMatterError as error:
        raise CardError(str(error)) from error


def main() -> None:
    """Put reports into the results and the card of a weight folder, from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.publishing.cards",
        description="Put benchmark reports into the results and the model card of a weight folder.",
    )
    parser.add_argument("folder", type=Path, help="weight folder, such as weights/edges-rds")
    parser.add_argument("reports", type=Path, nargs="*", help="JSON files that a benchmark wrote with --json")
    options = parser.parse_args()
    try:
        write_reports(options.folder, options.reports)
        count = len(read_results(options.folder))
    except (CardError, ResultsError) as error:
        parser.exit(1, f"{error}\n")
    print(f"{options.folder / 'results.json'} holds {count} results")


if __name__ == "__main__":
    main()
