"""Groups of identical and nearly identical photos of a store, found without comparing all pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import faiss
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from shared.library.filters import one_of
from shared.library.search import vector_rows
from shared.library.store import PHOTOS, Store
from shared.retrieval.duplicates import near_duplicates

#: Photos up to which hashes are compared one by one, which is faster for few.
MAX_FLAT = 200_000
#: Hashes that are compared with all others at a time.
BLOCK = 4_096
#: Tables of the hash index, and the bits of a hash that each of them looks up.
TABLES, BITS_PER_TABLE = 4, 16


def duplicate_groups(store: Store, column: str | None, max_bits: int, min_cosine: float) -> list[list[str]]:
    """Return groups of paths, largest first.

    Args:
        store: See above.
        column: Column of descriptors, which must agree as well; None for identical files alone.
        max_bits: Largest number of differing bits of the perceptual hashes.
        min_cosine: Lowest cosine of the descriptors.
    """
    contents: dict[bytes, int] = {}
    hashes: list[int] = []
    representatives: list[str] = []
    copies: dict[int, list[str]] = defaultdict(list)
    for batch in store.batches(PHOTOS, ["path", "content", "hash"]):
        for path, content, value in zip(*(column.to_pylist() for column in batch.columns[:3]), strict=True):
            digest = bytes.fromhex(content)
            number = contents.setdefault(digest, len(contents))
            if number == len(hashes):
                hashes.append(value)
                representatives.append(path)
            else:
                copies[number].append(path)
    labels = np.arange(len(hashes))
    if column is not None and hashes:
        codes = np.array(hashes, np.uint64)
        for members in _linked(codes, max_bits):
            descriptors = _descriptors(store, column, [representatives[member] for member in members])
            groups = near_duplicates(codes[members], descriptors, max_bits=max_bits, min_cosine=min_cosine)
            for group in range(groups.max() + 1):
                same = members[groups == group]
                labels[same] = same[0]
    paths: dict[int, list[str]] = defaultdict(list)
    for number, label in enumerate(labels.tolist()):
        paths[label] += [representatives[number], *copies.get(number, ())]
    duplicates = [sorted(group) for group in paths.values() if len(group) > 1]
    return sorted(duplicates, key=lambda group: (-len(group), group[0]))


def _linked(hashes: np.ndarray, max_bits: int) -> Iterable[np.ndarray]:
    """Return the connected components, of two or more, of hashes that differ by few bits."""
    codes = hashes.view(np.uint8).reshape(-1, 8)
    index: faiss.IndexBinary
    if len(hashes) <= MAX_FLAT:
        index = faiss.IndexBinaryFlat(64)
    else:
        # Of `max_bits` differing bits some table has at most a quarter.
        index = faiss.IndexBinaryMultiHash(64, TABLES, BITS_PER_TABLE)
        index.nflip = max_bits // TABLES
    index.add(codes)
    rows, columns = [], []
    for start in range(0, len(codes), BLOCK):
        block = codes[start : start + BLOCK]
        limits, _, labels = index.range_search(block, max_bits + 1)  # distances below this
        row = np.repeat(np.arange(start, start + len(block)), np.diff(limits.astype(np.int64)))
        later = labels > row
        rows.append(row[later])
        columns.append(labels[later])
    links = np.concatenate(rows), np.concatenate(columns)
    graph = sparse.coo_matrix((np.ones(len(links[0]), bool), links), (len(hashes), len(hashes)))
    _, component = connected_components(graph, directed=False)
    order = np.argsort(component, kind="stable")
    starts = np.flatnonzero(np.diff(component[order])) + 1
    return [members for members in np.split(order, starts) if len(members) > 1]


def _descriptors(store: Store, column: str, paths: Sequence[str]) -> np.ndarray:
    """Return the descriptors of paths in their order, float32 `[N, D]`; zeros where there is none."""
    vectors: dict[str, np.ndarray] = {}
    for start in range(0, len(paths), 500):
        where = f"{one_of('path', paths[start : start + 500])} and {column} is not null"
        rows = store.rows(PHOTOS, where, ["path", column])
        if rows.num_rows:
            vectors |= dict(zip(rows["path"].to_pylist(), vector_rows(rows[column]), strict=True))
    if not vectors:
        return np.zeros((len(paths), 1), np.float32)
    empty = np.zeros_like(next(iter(vectors.values())))
    return np.stack([vectors.get(path, empty) for path in paths]).astype(np.float32)
