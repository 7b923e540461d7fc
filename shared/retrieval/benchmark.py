"""The benchmarks of retrieval: `python -m shared.retrieval.benchmark NAME`, one of `PROTOCOLS`.

Each has its own options (`--help`) and prints a table; `--json FILE` keeps the report for a model card.
"""

from functools import partial

from shared.evaluation.reports import run_protocol

#: Name of a module of `shared.retrieval.benchmarks`, and what it measures.
PROTOCOLS = {
    "holidays": "descriptors on INRIA Holidays, whole or in part: mAP",
    "landmarks": "descriptors on Oxford5k and Paris6k, old and revisited: mAP",
    "ukbench": "descriptors on UKBench: N-S",
    "grocery": "photo to product picture, and the class of the nearest photo",
    "copies": "changed copies among photos without labels, for choosing settings",
    "deepindex": "the inverted file beside whole descriptors: mAP, bytes and time",
    "explain": "what is lost where an explanation's regions are hidden, beside random ones",
    "indexing": "photos per second into an index, and the memory that it takes meanwhile",
    "stream": "whether memory stays flat while very many files are described",
    "scale": "the vector index at 10,000 to 1,000,000 pictures, beside plain faiss",
}

main = partial(run_protocol, "retrieval", PROTOCOLS)

if __name__ == "__main__":
    main()
