"""Indexes of a library's vectors: none while comparing all photos is fast, then lists of short codes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from lancedb.index import IvfPq

#: Number of photos from which an index is built.
MIN_PHOTOS = 100_000
#: Fraction of photos outside an index from which it is built anew; up to it new photos join its lists.
REBUILD_FRACTION = 0.5
#: Numbers of a vector that share one byte of its code.
NUMBERS_PER_BYTE = 8
#: Steps of k-means; more made no difference to the recall.
TRAINING_STEPS = 10
#: Lists that a query visits, and hits whose own vectors are compared, for each hit that is asked for.
LISTS, REFINE = 40, 10
#: Hits from which on fewer are refined: their vectors are read from the disk.
MAX_REFINED = 1_000

EXACT = "exact"


def tuned(query: Any, limit: int) -> Any:
    """Return a query of LanceDB with the settings that its index needs; without an index they do nothing.

    Args:
        query: Vector query.
        limit: Number of hits that it asks for.
    """
    return query.nprobes(LISTS).refine_factor(max(1, min(REFINE, MAX_REFINED // limit)))


def update_index(table: Any, columns: Iterable[str]) -> None:
    """Build the index of each column, or bring it up to date, where there are enough photos.

    Args:
        table: Table of photos.
        columns: Columns with vectors that are searched.
    """
    count = table.count_rows()
    if count < MIN_PHOTOS:
        return
    indexed = {index.columns[0]: index for index in table.list_indices()}
    for column in columns:
        index = indexed.get(column)
        if index is not None and index.num_unindexed_rows <= REBUILD_FRACTION * count:
            continue  # `Store.tidy` has added the new photos to it
        length = table.schema.field(column).type.list_size
        config = index_config(count, length)
        table.create_index(column, config=config, replace=True, wait_timeout=timedelta(days=1))


def index_config(count: int, length: int) -> IvfPq:
    """Return the settings of an index.

    Args:
        count: Number of vectors.
        length: Length of a vector.
    """
    return IvfPq(
        distance_type="cosine",
        num_partitions=max(1, round(math.sqrt(count))),
        num_sub_vectors=max(1, length // NUMBERS_PER_BYTE),
        max_iterations=TRAINING_STEPS,
    )


def describe_index(table: Any, column: str) -> str:
    """Return `exact`, or the type of a column's index and the number of photos that are not in it."""
    for index in table.list_indices():
        if index.columns == [column]:
            rest = index.num_unindexed_rows
            name = str(index.index_type).upper().replace("IVFPQ", "IVF_PQ")
            return f"{name}, refined" + (f" ({rest:,} new photos beside it)" if rest else "")
    return EXACT
