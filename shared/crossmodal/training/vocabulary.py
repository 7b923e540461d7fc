"""Extension of the vocabulary of a trained joint space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from shared.crossmodal.text.tokenizer import FIRST_WORD_ID, SubwordTokenizer
from shared.networks.joint import JointSpace

#: Embedding table of the text encoder in a state dictionary.
_TABLE = "text.pieces.weight"


def extend_vocabulary(
    space: JointSpace, settings: dict[str, Any], words: Sequence[str], max_words: int
) -> tuple[JointSpace, dict[str, Any]]:
    """Give words of their own rows in the embedding table of a joint space.

    The row of a new word is the mean of the rows of its letter n-grams, so that the embeddings of all texts
    stay as they are.

    Args:
        space: Joint space with these settings.
        settings: Arguments of `JointSpace`, with `words` and `buckets`.
        words: Distinct candidates; those in the vocabulary are skipped.
        max_words: Size limit of the vocabulary; present words stay in any case.

    Returns:
        The new joint space and its settings.
    """
    vocabulary = set(settings["words"])
    new_words = [word for word in words if word not in vocabulary][: max(0, max_words - len(vocabulary))]
    tokenizer = SubwordTokenizer(settings["words"], settings["buckets"])
    settings = settings | {"words": [*settings["words"], *new_words]}
    extended = JointSpace(**settings, tuned=space.base is not None)
    state = space.state_dict()
    table = state[_TABLE]
    rows = [table[tokenizer.subword_ids(word)].mean(0) for word in new_words]
    first_bucket = FIRST_WORD_ID + len(vocabulary)
    state[_TABLE] = torch.cat([table[:first_bucket], *(row[None] for row in rows), table[first_bucket:]])
    extended.load_state_dict(state)
    return extended.train(space.training), settings
