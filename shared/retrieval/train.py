"""Training of retrieval: `python -m shared.retrieval.train COMMAND`; `--help` lists the options of each.

In order: `network` fine-tunes a backbone, `whitening` learns the descriptor, `confidence` and `wording`
calibrate its scores, `words` learns the vocabulary of DeepIndex. `lifelong` makes the starter of lifelong
retrieval, and `hub-whitening` learns the whitening of DINOv2's descriptors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.retrieval.lifelong.training import starter
from shared.retrieval.training import confidence, distillation, hub_whitening, vocabulary, whitening, wording

#: Arguments of each command, and its description.
COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "network": (distillation.add_arguments, "fine-tune a backbone"),
    "whitening": (whitening.add_arguments, "learn the descriptor's whitening"),
    "hub-whitening": (hub_whitening.add_arguments, "learn the whitening of DINOv2's descriptors"),
    "confidence": (confidence.add_arguments, "fit the match probability of the descriptor's scores"),
    "wording": (wording.add_arguments, "choose the scores from which a hit is called the same, or alike"),
    "words": (vocabulary.add_arguments, "learn the visual words of DeepIndex"),
    "lifelong": (starter.add_arguments, "train the starter of lifelong retrieval"),
}


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run a training from the command line and return its weight folder."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.retrieval.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (add_arguments, description) in COMMANDS.items():
        add_arguments(commands.add_parser(name, help=description))
    args = parser.parse_args(arguments)
    folder: Path = args.run(args)
    return folder


if __name__ == "__main__":
    main()
