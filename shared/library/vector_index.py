"""Indexes of a library's vectors: none while comparing all photos is fast, then lists of short codes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from lancedb.index import IvfRq

#: Number of photos from which an index is built.
MIN_PHOTOS = 100_000
#: Growth of a library from which its index is built anew; up to it new photos join the lists that there are.
REBUILD_GROWTH = 4
#: Numbers of a vector whose signs share one byte of its code; vectors of other lengths have no index.
NUMBERS_PER_BYTE = 8
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
    """Build the index of each column, or build it anew, where there are enough photos.

    Args:
        table: Table of photos, whose indexes hold all of them or do not exist, see `Store.tidy`.
        columns: Columns with vectors that are searched.
    """
    count = table.count_rows()
    if count < MIN_PHOTOS:
        return
    names = {index.columns[0]: index.name for index in table.list_indices()}
    for column in columns:
        length = table.schema.field(column).type.list_size
        if length % NUMBERS_PER_BYTE:
            continue
        if column in names and count < REBUILD_GROWTH * _lists(table, names[column]) ** 2:
            continue
        config = index_config(count)
        table.create_index(column, config=config, replace=True, wait_timeout=timedelta(days=1))


def index_config(count: int) -> IvfRq:
    """Return the settings of an index: inverted lists of RaBitQ codes, a bit for each number of a vector.

    Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate
    Nearest Neighbor Search", SIGMOD 2024.

    Args:
        count: Number of vectors.
    """
    return IvfRq(distance_type="cosine", num_partitions=max(1, round(math.sqrt(count))))


def _lists(table: Any, name: str) -> int:
    """Return the number of lists of an index."""
    statistics = table.to_lance().stats.index_stats(name)
    return int(statistics["indices"][0]["num_partitions"])


def describe_index(table: Any, column: str) -> str:
    """Return `exact`, or the type of a column's index and the number of photos that are not in it."""
    for index in table.list_indices():
        if index.columns == [column]:
            rest = index.num_unindexed_rows
            name = str(index.index_type).upper().replace("IVFRQ", "IVF_RQ")
            return f"{name}, refined" + (f" ({rest:,} new photos beside it)" if rest else "")
    return EXACT
