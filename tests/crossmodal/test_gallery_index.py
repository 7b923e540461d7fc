"""Two-stage search of large galleries, and the benchmark of its speed."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.crossmodal.benchmarks import speed
from shared.crossmodal.embedders import gallery_index
from shared.crossmodal.search import CrossModalSearch
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.color_embedder import ColorEmbedder, color_image

QUERIES = [f"d{'o' * number}g" for number in range(1, 6)]


class LongEmbedder(ColorEmbedder):
    """Embedder whose vectors are long, but lie near few directions, as those of networks do."""

    basis = np.random.default_rng(0).normal(size=(5, 32))

    def embed_features(self, features, engine):
        return self.normalize(features.astype(np.float32) @ self.basis)

    def embed_texts(self, texts, engine):
        rows = [np.random.default_rng(len(text)).normal(size=5) for text in texts]
        return self.normalize(np.stack(rows) @ self.basis)


@pytest.fixture
def search(monkeypatch):
    monkeypatch.setattr(gallery_index, "MAX_EXACT", 100)
    monkeypatch.setattr(gallery_index, "MIN_CANDIDATES", 40)
    monkeypatch.setattr(gallery_index, "PROJECTED_DIM", 6)
    return CrossModalSearch("ensemble", LongEmbedder())


def assert_exact(search, gallery):
    """Check that searches find what a comparison with all images finds."""
    hits = [search(text, top_k=10, gallery=gallery).hits for text in QUERIES]
    assert [{hit.id for hit in row} for row in hits] == speed.exact_nearest(search, gallery, QUERIES)
    best = hits[0][0]
    features = gallery.snapshot().feature("picture", best.id)[None]
    query = search.embedder.embed_texts(QUERIES[:1], "")[0]
    assert best.score == pytest.approx(
        float(search.embedder.embed_features(features, "")[0] @ query), abs=2e-3
    )


def test_a_large_gallery_is_searched_as_exactly_as_a_small_one(search):
    rng = np.random.default_rng(1)
    fingerprint = search.model_fingerprint

    def add(count):
        for row in rng.normal(size=(count, 5)).astype(np.float16):
            gallery.add("image", color_image("red"), {"picture": row, "made": fingerprint})

    gallery = speed.fill(rng.normal(size=(80, 5)).astype(np.float16), fingerprint)
    assert_exact(search, gallery)
    small = search.index(gallery).nbytes
    add(150)
    assert_exact(search, gallery)
    large = search.index(gallery).nbytes
    gallery.remove(range(150))  # more than half, so that the index is compacted
    assert_exact(search, gallery)
    assert 0 < search.index(gallery).nbytes < large / 2
    assert small > 0
    add(1)
    assert_exact(search, gallery)
    gallery.clear()
    assert search("dog", gallery=gallery).hits == ()


def test_the_benchmark_measures_speed(tmp_path):
    torch.manual_seed(0)
    size = {"features": 16, "width": 16, "hidden": 8, "embedding": 8, "buckets": 64}
    folder = weights.save(
        JointSpace(heads=["rrf"], words=["dog"], tuned=True, **size).eval(), tmp_path / "rrf"
    )
    for number in range(4):
        Image.effect_noise((20, 20), 60 + number).convert("RGB").save(tmp_path / f"{number}.png")
    arguments = ["--data", str(tmp_path), "--weights", str(folder), "--engine", "rrf", "--pictures", "30"]
    metrics = speed.main(arguments).metrics
    assert metrics["pictures"] == 30
    assert 0.3 < metrics["recall@10"] <= 1  # an untrained network has almost the same score for many
    assert metrics["ms_95"] >= metrics["ms_per_query"] > 0
    assert metrics["photos_per_second"] > 0
