"""Similar outfits on Clothing Co-Parsing: labels and colors of the hits, and edited copies.

    python -m shared.restyle.benchmark similar --data CCP --split test

Each photo of the split is a query for each kind of garment that people labelled in it; the others of the
split are the gallery. The garments are those that the parser finds, so that its errors count. Figures are
means over the queries of a kind, and of these over the kinds:

* `label_P@5`: share of the five best hits whose garment has the label of the query's, one of 59, such as
  "blouse"; a hit without a true garment of the kind is wrong. `label_P@5_KIND` are the figures of a kind.
* `similar_P@5`: share of the five whose label is the same and whose median color is nearer than `NEAR` in
  OKLab.
* `color_distance`: distance of the median colors of the true garments in OKLab; lower is better.
* `copy_R@1`: share of the garments in an edited copy of each photo, see `edited_copy`, whose best hit among
  all photos is the photo itself; those that the parser does not find in the copy are misses.
* `found`: share of the true garments that the parser finds, without which there is no query.

`all` is the descriptor of the page, `network` and `color` are its parts alone, `true masks` uses the pixels
that people labelled, and `random` are the expected figures of hits drawn from the gallery's garments of the
kind. `--grid` compares weights of the parts, for a choice on the val split.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from shared.evaluation import reports
from shared.restyle.parsing.classes import GARMENTS
from shared.restyle.parsing.data.ccp import CCPPhoto, read_ccp
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.similar.benchmarks.garments import (
    DescribedPerson,
    TrueGarment,
    describe_photo,
    describe_truth,
    edited_copy,
    true_garments,
)
from shared.restyle.similar.descriptor import WEIGHTS, GarmentDescriber, GarmentParts, PartWeights

MODULE = "shared.restyle.benchmark similar"
TOP = 5
NEAR = 0.1  # in OKLab, about the distance of navy and a clear blue of the same lightness
#: Weights in `all`, and of each part alone.
VARIANTS = {
    "all": WEIGHTS,
    "network": PartWeights(1, 0),
    "color": PartWeights(0, 1),
}
#: Weights of color that `--grid` compares.
COLORS = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def describe_people(
    parser: OutfitParser, describer: GarmentDescriber, photos: Sequence[CCPPhoto], *, copies: bool
) -> list[DescribedPerson]:
    """Describe the people of photos.

    Args:
        parser: Finds what people wear.
        describer: Describes garments.
        photos: Photos with labelled pixels.
        copies: True to describe an edited copy of each photo, too.
    """
    people = []
    for number, photo in enumerate(tqdm(photos, unit="photo", mininterval=10, leave=False)):
        image = photo.image()
        copy = describe_photo(parser, describer, edited_copy(image, number)) if copies else {}
        parts, true_parts = describe_photo(parser, describer, image), describe_truth(describer, photo)
        people.append(DescribedPerson(true_garments(photo), parts, true_parts, copy))
    return people


def similarities(
    queries: Sequence[GarmentParts], gallery: Sequence[GarmentParts], weights: PartWeights
) -> np.ndarray:
    """Return the similarity of each query to each garment, float32 `[queries, gallery]`."""
    first, second = (np.stack([parts.join(weights) for parts in rows]) for rows in (queries, gallery))
    return first @ second.T


def agreement(query: TrueGarment, hit: TrueGarment | None) -> tuple[bool, bool, float]:
    """Return if labels agree, if colors do so, too, and the distance of the colors, NaN without a hit."""
    if hit is None:
        return False, False, float("nan")
    distance = float(np.linalg.norm(query.color - hit.color))
    is_same = query.label == hit.label
    return is_same, is_same and distance < NEAR, distance


def score_hits(
    people: Sequence[DescribedPerson],
    kind: str,
    weights: PartWeights | None,
    parts_of: Callable[[DescribedPerson], Mapping[str, GarmentParts]],
) -> tuple[float, float, float] | None:
    """Compute `label_P@5`, `similar_P@5` and `color_distance` of a kind; None without two garments.

    Args:
        people: All people.
        kind: Kind of garment.
        weights: Weights of the parts; None for the expected figures of random hits.
        parts_of: Returns the descriptors of a person by kind.
    """
    wearers = [person for person in people if kind in parts_of(person)]
    if len(wearers) < 2:
        return None
    if weights is None:
        scores = np.zeros((len(wearers), len(wearers)))
    else:
        rows = [parts_of(person)[kind] for person in wearers]
        scores = similarities(rows, rows, weights)
    np.fill_diagonal(scores, -np.inf)
    figures = []
    for index, person in enumerate(wearers):
        if kind not in person.truth:
            continue
        order = np.argsort(-scores[index], kind="stable")[:-1]
        hits = order if weights is None else order[:TOP]
        values = [agreement(person.truth[kind], wearers[hit].truth.get(kind)) for hit in hits]
        label, similar, colors = zip(*values, strict=True)
        known = [value for value in colors if value == value]
        figures.append((np.mean(label), np.mean(similar), np.mean(known) if known else np.nan))
    if not figures:
        return None
    labels, similar_shares, distances = zip(*figures, strict=True)
    measured = [value for value in distances if value == value]
    distance = float(np.mean(measured)) if measured else float("nan")
    return float(np.mean(labels)), float(np.mean(similar_shares)), distance


def score_variant(
    people: Sequence[DescribedPerson],
    weights: PartWeights | None,
    parts_of: Callable[[DescribedPerson], Mapping[str, GarmentParts]],
) -> dict[str, float]:
    """Compute the figures of hits over all kinds, see `score_hits`."""
    by_kind = {kind: score_hits(people, kind, weights, parts_of) for kind in GARMENTS}
    present = {kind: values for kind, values in by_kind.items() if values is not None}
    if not present:
        return {}
    label, similar, distance = np.nanmean(list(present.values()), 0)
    return {
        "label_P@5": float(label),
        "similar_P@5": float(similar),
        "color_distance": float(distance),
        **{f"label_P@5_{kind}": values[0] for kind, values in present.items()},
    }


def score_copies(people: Sequence[DescribedPerson], weights: PartWeights) -> float:
    """Compute `copy_R@1` over the garments that the parser finds in the photos, mean over kinds."""
    figures = []
    for kind in GARMENTS:
        wearers = [person for person in people if kind in person.parts]
        queries = [index for index, person in enumerate(wearers) if kind in person.copy_parts]
        if not queries:
            continue
        scores = similarities(
            [wearers[index].copy_parts[kind] for index in queries],
            [person.parts[kind] for person in wearers],
            weights,
        )
        figures.append((scores.argmax(1) == queries).sum() / len(wearers))
    return float(np.mean(figures)) if figures else 0.0


def found_share(people: Sequence[DescribedPerson]) -> float:
    """Compute `found`, mean over kinds."""
    shares = []
    for kind in GARMENTS:
        wearers = [person for person in people if kind in person.truth]
        if wearers:
            shares.append(np.mean([kind in person.parts for person in wearers]))
    return float(np.mean(shares)) if shares else 0.0


def evaluate(people: Sequence[DescribedPerson]) -> dict[str, dict[str, float]]:
    """Return the figures of all variants."""

    def parts(person: DescribedPerson) -> Mapping[str, GarmentParts]:
        return person.parts

    metrics = {}
    for name, weights in VARIANTS.items():
        figures = score_variant(people, weights, parts)
        metrics[name] = {**figures, "copy_R@1": score_copies(people, weights)}
    metrics["all"]["found"] = found_share(people)
    metrics["true masks"] = score_variant(people, WEIGHTS, lambda person: person.true_parts)
    metrics["random"] = score_variant(people, None, parts)
    return metrics


def compare_weights(people: Sequence[DescribedPerson]) -> dict[str, dict[str, float]]:
    """Return the figures of the weights of `COLORS`, by the weight of color."""
    metrics = {}
    for color in COLORS:
        weights = PartWeights(1 - color, color)
        figures = score_variant(people, weights, lambda person: person.parts)
        name = f"color {color:.2f}"
        metrics[name] = {key: value for key, value in figures.items() if not key.startswith("label_P@5_")}
        metrics[name]["copy_R@1"] = score_copies(people, weights)
    return metrics


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Compare the hits of similar outfits with labels and colors.", MODULE, weights=OutfitParser.WEIGHTS
    )
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--grid", action="store_true", help="compare weights of the parts")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    available = read_ccp(options.data, options.split)
    photos = available[: options.limit]
    outfits, describer = OutfitParser.load(options.weights), GarmentDescriber.load()
    people = describe_people(outfits, describer, photos, copies=True)
    return reports.finish(
        reports.Report(
            benchmark="similar outfits",
            data="Clothing Co-Parsing, 59 labels",
            split=options.split,
            items=len(photos),
            weights=options.weights,
            metrics=compare_weights(people) if options.grid else evaluate(people),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )
