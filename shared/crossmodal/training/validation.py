"""What the validation set says of a joint space in training, and what it decides in the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from shared.crossmodal.benchmarks.recall import figures, shared_text_metrics
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.embedders.region_features import View
from shared.crossmodal.embedders.region_features import embed_views as looks
from shared.crossmodal.training.feature_cache import region_features as describe
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.calibration import calibrate
from shared.crossmodal.training.score_fusion import adaptive_weights, fuse
from shared.networks.joint import ENSEMBLE, JointSpace
from shared.networks.regions import RegionBackbone


class ValidationSets:
    """Several validation sets; their scores add up.

    Args:
        sets: All of them.
    """

    def __init__(self, sets: Sequence[ValidationSet]) -> None:
        self.sets = sets

    def __call__(self, network: nn.Module) -> dict[str, float]:
        """Figures of a `Student` on the first set, and with its name on each other; `score` is of all."""
        found, *more = (one(network) for one in self.sets)
        for one, own in zip(self.sets[1:], more, strict=True):
            found |= {f"{one.data.name}: {name}": value for name, value in own.items()}
            found["score"] += own["score"]
        return found

    @torch.inference_mode()
    def embedded(
        self, space: JointSpace, base: RegionBackbone, given: Sequence[View]
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of the pictures and of the texts of all sets, as a search has them.

        Args:
            space: What is chosen for.
            base: What describes pictures.
            given: See `looks`.
        """
        photos = [photo for one in self.sets for photo in one.data.photos]
        texts = [text for one in self.sets for text in one.data.texts]
        pictures = [looks(base, space.image, photo.image(), given) for photo in photos]
        return torch.stack(pictures), self.sets[0].texts(space, texts)

    @torch.inference_mode()
    def weigh(self, space: JointSpace, pictures: Tensor, texts: Tensor) -> dict[str, list[float]]:
        """Chooses `scores`, the weights of CycleMatch's, on the first set; nothing without that head."""
        if "cyclematch" not in space.heads:
            return {}
        head, first = space.heads["cyclematch"], self.sets[0].data
        own = head.images(pictures[: len(first.photos)]), head.texts(texts[: len(first.texts)])
        scores = np.einsum("ikd,jkd->kij", *(part.cpu().numpy() for part in own))
        chosen = adaptive_weights(scores, first.owners)
        space.set_score_weights(chosen)
        return {"scores": chosen}

    def conclude(self, space: JointSpace, pictures: Tensor, texts: Tensor) -> dict[str, object]:
        """Chooses the weights of the heads in the ensemble on the first set, and what scores mean on all.

        Args:
            space: Gets the weights.
            pictures: See `embedded`.
            texts: See `embedded`.

        Returns:
            `shares`, if there is an ensemble, and what `calibrate` finds, by engine.
        """
        config: dict[str, object] = {}
        data = join([one.data for one in self.sets]) if len(self.sets) > 1 else self.sets[0].data
        first = self.sets[0].data
        owned = slice(len(first.photos)), slice(len(first.texts))
        each = {name: self.sets[0].similarity(space, pictures, texts, name) for name in space.heads}
        if ENSEMBLE in space.engines:
            parts = np.stack(list(each.values()))
            own = parts[:, owned[0], owned[1]]
            config["shares"] = adaptive_weights(own, first.owners, factors=(0.5, 2.0))
            space.set_head_weights(config["shares"])
            each[ENSEMBLE] = fuse(parts, config["shares"])
        for engine in space.engines:
            print(f"{engine}: {figures(each[engine][owned], first.owners)}")
            found = calibrate(each[engine], data.owners, data.identities)
            for name, value in found.items():
                config.setdefault(name, {})[engine] = value
        return config


class ValidationSet:
    """A validation set.

    Args:
        data: Its pictures and texts.
        rows: Descriptions of its pictures `[photos, 1 + R, K]`, for spaces without a base of their own; None
            where there are only others.
        tokens: What turns texts into rows.
        device: Where joint spaces are.

    Attributes:
        data: See above.
        rows: See above; may be set anew.
    """

    def __init__(self, data: CaptionedImages, rows: np.ndarray | None, tokens: SubwordTokenizer, device: str) -> None:
        self.data, self.rows, self._tokens, self._device = data, rows, tokens, device

    def __call__(self, network: nn.Module) -> dict[str, float]:
        """Figures of a `Student`; `score` is what counts."""
        space, data = network.space, self.data
        pictures = self.pictures(space)
        if data.classes is None:
            texts = self.texts(space, data.texts)
            each = {name: self.similarity(space, pictures, texts, name) for name in space.engines}
            each = {name: figures(one, data.owners) for name, one in each.items()}
            found = each[space.engines[0]]
            others = {f"{name}_R_sum": each[name]["R_sum"] for name in space.engines[1:]}
            return found | others | {"score": found["R_sum"]}
        texts, relevant = data.distinct()
        found = shared_text_metrics(self.similarity(space, pictures, self.texts(space, texts)), relevant)
        return found | {"score": found["i2t_R@1"] + found["t2i_mAP"]}

    @torch.inference_mode()
    def similarity(self, space: JointSpace, pictures: Tensor, texts: Tensor, engine: str = "") -> np.ndarray:
        """Scores `[pictures, texts]` of embeddings."""
        engine = engine or space.engines[0]
        return (
            (space.embed_images(pictures, engine) @ space.embed_texts(texts, engine).T).float().cpu().numpy()
        )

    @torch.inference_mode()
    def pictures(self, space: JointSpace) -> Tensor:
        """Embeddings of the validation set's pictures."""
        rows = self.rows
        if space.base is not None:
            rows = np.concatenate([describe(space.base, [photo.image()]) for photo in self.data.photos])
        parts = torch.from_numpy(rows).split(128)
        return torch.cat([space.image(part.float().to(self._device)) for part in parts])

    @torch.inference_mode()
    def texts(self, space: JointSpace, texts: Sequence[str]) -> Tensor:
        """Embeddings of texts."""
        parts = (texts[start : start + 128] for start in range(0, len(texts), 128))
        return torch.cat(
            [space.text(torch.from_numpy(self._tokens(part)).to(self._device)) for part in parts]
        )
