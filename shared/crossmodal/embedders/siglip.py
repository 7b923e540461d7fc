"""A large public network from the Hub that puts words and pictures into one space: SigLIP 2.

Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023; Tschannen et al., "SigLIP 2:
Multilingual Vision-Language Encoders with Improved Semantic Understanding, Localization, and Dense Features",
2025. It comes with the package transformers: `pip install image-spaces[hub]`.

A gallery need not have been filled with it: it looks at the gallery's own small pictures when it is first
asked to search them, and remembers their vectors.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import threading
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core import devices, weights
from shared.core.calibration import probability
from shared.core.engines import Engine
from shared.core.images import open_image, to_tensor
from shared.core.scheduling import InferenceScheduler
from shared.crossmodal.embedders.embedder import MADE, PICTURE, Embedder
from shared.crossmodal.engines import SIGLIP
from shared.crossmodal.training.calibration import GALLERY
from shared.gallery.index import MismatchError
from shared.gallery.snapshot import GallerySnapshot

CELLS = 7  # along each side of the grid of regions
#: Pairs of a training batch, of which the sigmoid's probability speaks.
BATCH = 32_768
#: Pictures of galleries whose vectors are remembered, and how many new ones a search looks at on a CPU, where
#: each takes about a third of a second.
REMEMBERED, MOST_ON_CPU = 20_000, 400
TOGETHER = 16  # pictures or texts that go through the network at once


class SiglipEmbedder(Embedder):
    """Embeds pictures and texts with SigLIP. `SiglipEmbedder.load` makes one.

    Args:
        network: A `transformers.SiglipModel` on its device, in eval mode.
        tokenizer: What goes with it.
        stamp: A number that tells its weights from others.
    """

    meant_for = GALLERY
    own_galleries = False
    worker_pool = None

    def __init__(self, network: torch.nn.Module, tokenizer, stamp: int = 0) -> None:
        self.engines = (SIGLIP,)
        self.model_fingerprint = np.array([stamp], np.uint64)
        self._network, self._tokenizer = network, tokenizer
        self._side = network.config.vision_config.image_size
        self._length = network.config.text_config.max_position_embeddings
        self._scale = float(network.logit_scale.detach().exp())
        # The sigmoid tells how likely a pair is where one in `BATCH` belongs together: as if half did, the
        # odds are so many times higher.
        self._offset = float(network.logit_bias.detach()) + math.log(BATCH - 1)
        self._device = next(network.parameters()).device
        self._scheduler = InferenceScheduler(self._device)
        self._known: dict[bytes, np.ndarray] = {}  # by the small picture, the oldest first
        self._knowing = threading.Lock()

    @classmethod
    def load(
        cls,
        engine: Engine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> SiglipEmbedder:
        """Loads the network.

        Args:
            engine: A row of `shared.crossmodal.engines`, which names the repository.
            folder: A snapshot of it to use instead.
            device: Where it runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded. Those of an engine of
                the Hub always may: to choose it is to ask for them.

        Raises:
            WeightsError: The package is missing, or the weights cannot be had or used.
        """
        if importlib.util.find_spec("transformers") is None:
            raise weights.WeightsError(
                "This engine needs the package transformers: pip install image-spaces[hub]"
            )
        found = weights.find(engine.weights, folder=folder, allow_hub=allow_hub or engine.from_hub)
        # Not at the top, nor before the weights are there: it takes seconds to import.
        from transformers import AutoTokenizer, SiglipModel

        try:
            network, told = SiglipModel.from_pretrained(
                found, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(found, local_files_only=True)
            if told["missing_keys"] or told["mismatched_keys"]:  # which the library would make up
                raise ValueError("the file lacks weights")
        except Exception as error:  # the library raises what it likes
            raise weights.WeightsError(
                f"What is in {found} is not {engine.title}, or only a part of it: delete the folder, and it "
                "will be downloaded again."
            ) from error
        stamp = hashlib.sha256(f"{engine.weights} {found.name}".encode()).hexdigest()
        network = network.eval().requires_grad_(False).to(torch.device(device or devices.default_device()))
        return cls(network, tokenizer, int(stamp[:16], 16))

    def describe(self, pictures: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        wholes = np.concatenate([self._seen(part)[0].half().cpu().numpy() for part in _parts(pictures)])
        return [{PICTURE: whole, MADE: self.model_fingerprint} for whole in wholes]

    def gallery_vectors(self, gallery: GallerySnapshot, ids: Sequence[int], engine: str) -> np.ndarray:
        """Vectors `[N, D]` of pictures of a gallery, whatever has described them.

        Raises:
            MismatchError: They are too many for a CPU.
        """
        if MADE in gallery.feature_names and (gallery.features(MADE, ids)[1] == self.model_fingerprint).all():
            return self.pictures(gallery.features(PICTURE, ids)[1], engine)
        small = {id: gallery.entries[id].thumbnail for id in ids}
        keys = {id: hashlib.sha256(file).digest() for id, file in small.items()}
        with self._knowing:
            known = {key: self._known[key] for key in keys.values() if key in self._known}
        new = {keys[id]: file for id, file in small.items() if keys[id] not in known}
        if self._device.type == "cpu" and len(new) > MOST_ON_CPU:
            raise MismatchError(
                f"This engine would have to look at {len(new):,} new pictures, and without a GPU it looks at "
                f"{MOST_ON_CPU} at most: please choose another engine or a smaller gallery."
            )
        for part in _parts(list(new)):
            wholes, _ = self._seen([open_image(new[key]) for key in part])
            known |= dict(zip(part, wholes.half().cpu().numpy(), strict=True))
        with self._knowing:
            self._known |= {key: known[key] for key in new}
            for key in list(self._known)[: max(len(self._known) - REMEMBERED, 0)]:
                del self._known[key]
        return self.pictures(np.stack([known[keys[id]] for id in ids]), engine)

    def pictures(self, rows: np.ndarray, engine: str) -> np.ndarray:
        rows = rows.astype(np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)

    def regions(self, picture: Image.Image, engine: str) -> np.ndarray:
        """See `Embedder.regions`. A region is what the network's own pooling makes of a part of its map."""
        _, maps = self._seen([picture])
        side = math.isqrt(maps.shape[1])
        with self._scheduler.slot(), torch.inference_mode():
            parts = [self._network.vision_model.head(maps[:, places]) for places in _windows(side, CELLS)]
        return self.pictures(torch.cat(parts).float().cpu().numpy(), engine)

    def texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        """Vectors `[N, D]` of texts; what is longer than the network reads is cut."""
        found = []
        for part in _parts(texts):
            # It was trained on small letters, and on texts filled up to its full length.
            given = self._tokenizer(
                [text.lower() for text in part],
                padding="max_length",
                max_length=self._length,
                truncation=True,
                return_tensors="pt",
            )
            with self._scheduler.slot(), torch.inference_mode():
                seen = self._network.text_model(input_ids=given["input_ids"].to(self._device))
            found.append(seen.pooler_output.float().cpu().numpy())
        return self.pictures(np.concatenate(found), engine)

    def unknown(self, texts: Sequence[str]) -> tuple[str, ...]:
        """None: it reads all languages letter by letter."""
        return ()

    def probability(self, scores: np.ndarray | float, engine: str) -> np.ndarray:
        return probability(scores, self._scale, self._offset)

    def threshold(self, engine: str) -> None:
        """None: nobody has measured one."""
        return

    def _seen(self, pictures: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
        """Pooled vectors `[N, D]` of a few pictures, and the maps before `[N, side * side, D]`."""
        size = (self._side, self._side)
        given = torch.cat([to_tensor(one.resize(size, Image.Resampling.BILINEAR)) for one in pictures])
        with self._scheduler.slot(), torch.inference_mode():
            seen = self._network.vision_model(pixel_values=given.to(self._device) * 2 - 1)
        return seen.pooler_output, seen.last_hidden_state


def _windows(side: int, cells: int) -> list[list[int]]:
    """The places, row by row, in windows around the cells of a grid on a square map.

    A window is a third of the map wide, and ends where the map does.

    >>> _windows(3, 3)[1], _windows(6, 3)[4]
    ([1], [14, 15, 20, 21])
    """
    middles = [(cell + 0.5) * side / cells for cell in range(cells)]
    spans = [range(max(round(at - side / 6), 0), min(round(at + side / 6), side)) for at in middles]
    return [[row * side + column for row in down for column in across] for down in spans for across in spans]


def _parts(given: Sequence) -> Iterable[Sequence]:
    return (given[start : start + TOGETHER] for start in range(0, len(given), TOGETHER))
