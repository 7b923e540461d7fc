"""More words for a joint space that has learned already."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from shared.crossmodal.text.tokenizer import FIRST_WORD_ID, SubwordTokenizer
from shared.networks.joint import JointSpace


def extend_vocabulary(space: JointSpace, settings: dict, more: Sequence[str], most: int) -> tuple[JointSpace, dict]:
    """Gives a joint space further words of its own, which so far it knew by their letters alone.

    A new word's row is the mean of the rows of its letter groups, and so it still reads every text as before.

    Args:
        space: Of these settings.
        settings: Arguments of `JointSpace`, with `words` and `buckets`.
        more: Words, none twice; those that it has are passed over.
        most: Words that it may have in the end; those that it has stay in any case.

    Returns:
        The new joint space and its settings.
    """
    known = set(settings["words"])
    added = [word for word in more if word not in known][: max(0, most - len(known))]
    settings = settings | {"words": [*settings["words"], *added]}
    grown = JointSpace(**settings, tuned=space.base is not None)
    state = space.state_dict()
    name, table = "text.pieces.weight", state["text.pieces.weight"]
    first = FIRST_WORD_ID + len(known)
    tokens = SubwordTokenizer([*known], settings["buckets"])
    rows = [table[tokens.subword_ids(word)].mean(0) for word in added]
    state[name] = torch.cat([table[:first], *(row[None] for row in rows), table[first:]])
    grown.load_state_dict(state)
    return grown.train(space.training), settings
