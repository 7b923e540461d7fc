"""Description of images by sentences and tags.

describe = ImageDescriber.load()
for sentence in describe("photo.jpg").sentences:
    print(sentence.rank, sentence.text, round(sentence.probability, 3))
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from shared.core.images import Source, open_image
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, Embedder, WrittenSentence
from shared.crossmodal.embedders.loading import load_embedder
from shared.crossmodal.engines import ENSEMBLE
from shared.crossmodal.sentences import SentenceRanker, SentenceRanking
from shared.crossmodal.tags import Tag, TagRanker
from shared.gallery.results import check_top_k
from shared.gallery.thumbnails import shrink


class ImageDescriber:
    """Describe images by sentences and tags; `ImageDescriber.load` returns one.

    Calls may come from many threads at once.

    Attributes:
        engine: Name of the engine.
        embedder: Model that embeds images and sentences.

    Args:
        engine: See above; one of the embedder's engines.
        embedder: See above.
    """

    def __init__(self, engine: str, embedder: Embedder) -> None:
        self.engine, self.embedder = engine, embedder
        self._rank_sentences = SentenceRanker(embedder, engine)
        self._find_tags = TagRanker(embedder, engine)

    @classmethod
    def load(
        cls,
        name: str = ENSEMBLE,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> ImageDescriber:
        """Load an engine; see `shared.crossmodal.embedders.loading.load_embedder`."""
        return cls(name, load_embedder(name, folder=folder, device=device, allow_hub=allow_hub))

    def __call__(
        self,
        image: Source,
        sentences: str | Sequence[str] | None = None,
        top_k: int = 10,
        captions: Sequence[str] | None = None,
    ) -> SentenceRanking:
        """Return the sentences that match an image best and, where none were given, its tags.

        Args:
            image: Image as `shared.core.images.open_image` takes it.
            sentences: Candidates, one a line, in the languages of `shared.crossmodal.text.dictionary`; by
                default those that a decoder writes about this image, and several hundred built-in ones.
            top_k: Largest number of sentences, 1..1000.
            captions: Sentences that another network wrote about this image, in place of the decoder's.

        Raises:
            QueryError: No candidate can be used, or there are too many.
            ImageError: The image cannot be used.
            ValueError: `top_k` is out of range.
        """
        check_top_k(top_k)
        features = self.embedder.describe([shrink(open_image(image))])[0][IMAGE_FEATURE]
        vector = self.embedder.embed_features(features[None], self.engine)[0]
        if sentences is not None:
            return self._rank_sentences(vector, sentences, top_k)
        return self.rank(features, vector, top_k, captions)

    def rank(
        self, features: np.ndarray, vector: np.ndarray, top_k: int, captions: Sequence[str] | None = None
    ) -> SentenceRanking:
        """Return the sentences of our own that match an image best, and its tags.

        Args:
            features: `IMAGE_FEATURE` of the image, `[F]`.
            vector: Its vector in the space of this engine, `[D]`.
            top_k: See `__call__`.
            captions: See `__call__`.
        """
        if captions is None:
            written: Sequence[WrittenSentence] = self.embedder.write_sentences(features)
        else:
            written = [WrittenSentence(caption, 0.0) for caption in captions]
        tags = self.tags(vector)
        ranking = self._rank_sentences(vector, None, top_k, written, [tag.name for tag in tags])
        return replace(ranking, tags=tags)

    def tags(self, vector: np.ndarray) -> tuple[Tag, ...]:
        """Return the tags of an image, the most probable first.

        Args:
            vector: Vector of the image in the space of this engine, `[D]`.
        """
        return self._find_tags(vector)
