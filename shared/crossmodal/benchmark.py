"""The benchmarks of crossmodal: `python -m shared.crossmodal.benchmark NAME`, one of `PROTOCOLS`.

Each has its own options (`--help`) and prints a table; `--json FILE` keeps the report for a model card.
"""

from functools import partial

from shared.evaluation.reports import run_protocol

#: Name of a module of `shared.crossmodal.benchmarks`, and what it measures.
PROTOCOLS = {
    "flickr8k": "sentences and photos that find each other: recall at 1, 5, 10",
    "methods": "the theses' networks and their parts side by side, on frozen features",
    "joint": "products: matching photos with words, and telling their class",
    "tasks": "products: learning both tasks together beside learning one alone, over several seeds",
    "generalise": "everyday photos to products and the other way round: sets that a space never saw",
    "speed": "searches with words in a large gallery, and how fast photos are described",
}

main = partial(run_protocol, "crossmodal", PROTOCOLS)

if __name__ == "__main__":
    main()
