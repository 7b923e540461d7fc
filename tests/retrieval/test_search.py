"""Image search: ingestion, every engine, near duplicates, changes on many threads, weights."""

import gc
import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from shared.core import weights
from shared.core.image_files import read_images
from shared.core.images import ImageError, opening
from shared.core.weights import WeightsError
from shared.gallery.gallery import Gallery
from shared.gallery.index import FINGERPRINT, MismatchError, VectorGalleryIndex
from shared.gallery.results import SearchRequest
from shared.gallery.search import EncodedQuery
from shared.networks.cfn import CFN
from shared.retrieval.deepindex.patches import compute_bag
from shared.retrieval.describer import (
    DESCRIPTOR,
    HASH,
    Describer,
    DescriberWeights,
    ScoreCalibration,
)
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import OFFLINE_ENGINES as ENGINES
from shared.retrieval.search import ImageSearch
from tests.predictors import PredictorTests, astronaut, with_random_weights
from tests.retrieval.samples import SIZE, make_search, sample_image, sample_vocabulary


@pytest.fixture(scope="module")
def extractor(network_folder):
    return Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")


@pytest.fixture(scope="module")
def vocabulary(extractor):
    return sample_vocabulary(extractor)


@pytest.fixture(scope="module")
def describer(extractor, vocabulary):
    return Describer(extractor, vocabulary, ScoreCalibration(threshold=0.9))


@pytest.fixture(scope="module")
def gallery(describer):
    """Twelve sample images; read-only."""
    search = make_search("exact", describer)
    search.add([(f"{number}.png", sample_image(number)) for number in range(12)])
    return search.gallery


class TestImageSearch(PredictorTests):
    predictor_class, engines = ImageSearch, ENGINES

    @pytest.fixture
    def predictor(self, describer, gallery):
        return make_search("exact", describer, gallery=gallery)

    def check(self, result, size):
        assert [hit.rank for hit in result.hits] == list(range(1, 13))
        scores = [hit.score for hit in result.hits]
        assert scores == sorted(scores, reverse=True)
        assert -1.001 <= scores[-1] <= scores[0] <= 1.001
        assert result.seconds >= result.search_seconds > 0

    def values(self, result):
        by_id = {hit.id: hit.score for hit in result.hits}
        return [np.array([by_id[id] for id in sorted(by_id)])]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_finds_the_image_itself_first(engine, describer, gallery):
    search = make_search(engine, describer, gallery=gallery)
    for number in (0, 5, 11):
        results = search(sample_image(number), top_k=3)
        assert results.hits[0].name == f"{number}.png"
        assert results.hits[0].rank == 1
        assert results.engine == engine
        assert results.searched == 12
        assert len(results.hits) <= 3
        by_id = search.search_by_id(number, top_k=3)
        expected = [hit.id for hit in search(sample_image(number), top_k=4).hits if hit.id != number][:3]
        assert [hit.id for hit in by_id.hits] == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_removed_images_are_no_hits(engine, describer):
    search = make_search(engine, describer)
    assert search(sample_image(0)).hits == ()
    ids = search.add([sample_image(number) for number in range(6)]).ids
    assert search(sample_image(2)).hits[0].id == ids[2]
    search.gallery.remove([ids[2]])
    assert ids[2] not in {hit.id for hit in search(sample_image(2)).hits}
    (new_id,) = search.add([("again", sample_image(2))]).ids
    assert search(sample_image(2)).hits[0].id == new_id
    search.gallery.clear()
    assert search(sample_image(2)).hits == ()
    # two images, since a word that all images share weighs nothing
    assert search.add([sample_image(1), sample_image(2)]).ids == (new_id + 1, new_id + 2)
    assert search(sample_image(1)).hits[0].id == new_id + 1


def test_a_box_searches_with_a_part(describer):
    search = make_search("exact", describer)
    search.add([sample_image(number) for number in range(8)])
    pair = Image.new("RGB", (260, 100))
    pair.paste(sample_image(3), (0, 0))
    pair.paste(sample_image(6), (130, 0))
    assert search(pair, box=(0, 0, 130, 100)).hits[0].id == 3
    best = search(pair, box=(130, 0, 260, 100)).hits[0]
    assert (best.id, round(best.score, 3)) == (6, 1.0)


def test_the_threshold_judges_the_best_hit(describer, extractor, gallery):
    exact = make_search("exact", describer, gallery=gallery)
    assert exact(sample_image(0)).good_match is True
    assert exact(sample_image(0)).threshold == 0.9
    strict = Describer(extractor, calibration=ScoreCalibration(threshold=1.5, false_accept_rate=0.1))
    results = make_search("exact", strict, gallery=gallery)(sample_image(0))
    assert (results.good_match, results.false_accept_rate) == (False, 0.1)
    uncalibrated = make_search("exact", Describer(extractor), gallery=gallery)
    assert uncalibrated(sample_image(0)).good_match is None
    assert make_search("histogram", describer, gallery=gallery)(sample_image(0)).good_match is None
    assert make_search("exact", describer)(sample_image(0)).good_match is False


def test_min_score_drops_lower_hits(describer, gallery):
    search = make_search("exact", describer, gallery=gallery)
    scores = [hit.score for hit in search(sample_image(0)).hits]
    assert [hit.score for hit in search(sample_image(0), min_score=scores[4]).hits] == scores[:5]
    assert search(sample_image(0), min_score=2.0).hits == ()


def test_near_duplicates_are_hidden_behind_the_best(describer):
    search = make_search("exact", describer)
    copies = []
    for quality in (95, 80, 60):
        stream = io.BytesIO()
        sample_image(0).save(stream, "JPEG", quality=quality)
        copies.append(stream.getvalue())
    ids = search.add([*copies, *(sample_image(number) for number in range(1, 12))]).ids
    complete = search(sample_image(0), top_k=12)
    assert {hit.id for hit in complete.hits[:3]} == set(ids[:3])
    assert all(hit.duplicate_count == 0 for hit in complete.hits)
    hidden = search(sample_image(0), top_k=12, hide_duplicates=True)
    assert hidden.hits[0].id == complete.hits[0].id
    assert hidden.hits[0].duplicate_count == 2
    assert [hit.rank for hit in hidden.hits] == list(range(1, 13))
    assert sum(1 + hit.duplicate_count for hit in hidden.hits) == 14


def test_the_list_is_full_however_many_duplicates_are_hidden(describer):
    gallery, search = Gallery(), make_search("exact", describer)
    features = describer(sample_image(0))
    for number in range(60):
        gallery.add(f"copy {number}", sample_image(0), features)
    for number in range(1, 6):
        gallery.add(str(number), sample_image(number), describer(sample_image(number)))
    hits = search(sample_image(0), top_k=3, hide_duplicates=True, gallery=gallery).hits
    assert [hit.duplicate_count for hit in hits] == [59, 0, 0]


def test_every_kind_of_source_can_be_added(describer, tmp_path):
    search = make_search("exact", describer)
    folder = tmp_path / "photos"
    folder.mkdir()
    sample_image(0).save(folder / "a.png")
    sample_image(1).save(folder / "b.jpg")
    archive_path = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive_path, "w") as archive:
        archive.write(folder / "a.png", "inside/c.png")
    assert len(search.add(folder).ids) == 2
    search.add(str(archive_path))
    search.add(read_images([folder / "b.jpg"]))
    search.add(sample_image(2))
    search.add([np.asarray(sample_image(3)), (folder / "a.png").read_bytes(), ("named", folder / "a.png")])
    with zipfile.ZipFile(archive_path) as archive, archive.open("inside/c.png") as file:
        search.add(("open", stream) for stream in [file])
    names = [entry.name for entry in search.gallery.entries]
    expected = ["a.png", "b.jpg", "c.png", "b.jpg", "picture 1", "picture 1", "picture 2", "named", "open"]
    assert names == expected
    assert all(entry.size == (130, 100) for entry in search.gallery.entries)
    with pytest.raises(FileNotFoundError):
        search.add(tmp_path / "nowhere")


def test_unusable_images_are_skipped_and_reported(describer, tmp_path):
    search, progress = make_search("exact", describer), []
    closed = io.BytesIO(b"x")
    closed.close()
    inputs = [
        sample_image(0),
        ("bad", b"not an image"),
        ("missing", tmp_path / "no.png"),
        ("closed", closed),
        sample_image(1),
    ]
    report = search.add(inputs, progress=lambda done, total: progress.append((done, total)))
    assert report.ids == (0, 1)
    assert [name for name, _ in report.skipped] == ["bad", "missing", "closed"]
    assert all(reason.endswith(".") for _, reason in report.skipped)
    assert progress == [(number, 5) for number in range(1, 6)]
    assert report.full_message == ""


def test_a_full_gallery_stops_the_ingestion(describer):
    search = make_search("exact", describer, gallery=Gallery(max_count=2))
    requested = []
    report = search.add((requested.append(number) or sample_image(number)) for number in range(200))
    assert report.ids == (0, 1)
    assert report.full_message == "The gallery is full with 2 pictures: please remove some of them first."
    assert len(requested) < 30


def test_large_images_are_stored_small(describer):
    search = make_search("exact", describer)
    search.add([astronaut(2000, 1000)])
    (entry,) = search.gallery.entries
    assert entry.size == (2000, 1000)
    assert search.gallery.image(entry.id).size == (640, 320)
    assert search(astronaut(2000, 1000)).hits[0].score == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda search: search(sample_image(0), top_k=0), ValueError, "top_k must be"),
        (lambda search: search(sample_image(0), top_k=1001), ValueError, "top_k must be"),
        (lambda search: search(sample_image(0), top_k=2.5), ValueError, "top_k must be"),
        (lambda search: search(sample_image(0), min_score=float("nan")), ValueError, "min_score must be"),
        (lambda search: search(sample_image(0), min_score="x"), ValueError, "min_score must be"),
        (lambda search: search(sample_image(0), box=(500, 0, 600, 90)), ImageError, "must lie in"),
        (lambda search: search(sample_image(0), box=(0, 0, float("inf"), 9)), ImageError, "must lie in"),
        (lambda search: search.search_by_id(99), ImageError, "no picture 99"),
    ],
)
def test_arguments_out_of_range_are_an_error(call, error, message, describer, gallery):
    with pytest.raises(error, match=message):
        call(make_search("exact", describer, gallery=gallery))


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple"])
def test_a_gallery_of_other_weights_is_refused(engine, describer, extractor, vocabulary, gallery):
    network = with_random_weights(CFN(classes=3, fusion="none"), seed=1).eval()
    changed = Describer(Extractor("cfn", network, extractor.head), vocabulary)
    search = make_search(engine, changed, gallery=gallery)
    calls = [
        lambda: search(sample_image(0)),
        lambda: search.search_by_id(0),
        lambda: search.add([sample_image(0)]),
    ]
    for call in calls:
        with pytest.raises(MismatchError, match="other weights"):
            call()
    colors = make_search("histogram", changed, gallery=gallery)
    assert colors(sample_image(0)).hits[0].name == "0.png"


def test_another_vocabulary_matters_to_deepindex_alone(extractor, gallery):
    changed = Describer(extractor, sample_vocabulary(extractor, seed=5))
    assert make_search("exact", changed, gallery=gallery)(sample_image(0)).hits[0].name == "0.png"
    with pytest.raises(MismatchError, match="other weights"):
        make_search("deepindex-single", changed, gallery=gallery)(sample_image(0))
    without = make_search("exact", Describer(extractor))
    without.add([sample_image(0)])
    with pytest.raises(MismatchError, match="lacks"):
        make_search("deepindex-single", changed, gallery=without.gallery)(sample_image(0))
    with pytest.raises(WeightsError, match="no words"):
        make_search("deepindex-single", Describer(extractor))
    features = without.gallery.snapshot().image_features(0)
    assert "patches mid" not in features
    with pytest.raises(ValueError, match="needs a vocabulary"):
        Describer(extractor).to_bag(features)


def test_stored_patches_get_the_words_of_the_bag(describer, extractor, vocabulary):
    bag = compute_bag(extractor.maps(sample_image(3), SIZE), vocabulary.boxes, vocabulary.power)
    stored = describer.to_bag(describer(sample_image(3)))
    for level, codebook in vocabulary.codebooks.items():
        expected = codebook.assign(bag.features[level])
        assignment = describer.vocabulary.codebooks[level].assign(stored.features[level])
        np.testing.assert_array_equal(assignment.words, expected.words)
        assert np.unpackbits(assignment.codes ^ expected.codes).mean() < 0.02  # rounded to float16
    expected = vocabulary.signature.assign(bag.whole[None]).codes
    signature = describer.vocabulary.signature.assign(stored.whole[None]).codes
    assert np.unpackbits(signature ^ expected).mean() < 0.05


def test_a_gallery_is_restored_from_its_file(describer, gallery, tmp_path):
    gallery.save(tmp_path / "gallery")
    restored = Gallery.load(tmp_path / "gallery")
    for engine in ENGINES:
        expected = make_search(engine, describer, gallery=gallery)(sample_image(4)).hits
        assert make_search(engine, describer, gallery=restored)(sample_image(4)).hits == expected


def search_features(search, features, top_k, gallery):
    """Search with features of an image."""
    return search._search(lambda: EncodedQuery(features), SearchRequest(top_k, gallery=gallery))


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple"])
def test_searches_during_changes(engine, describer):
    """Every search finds all images that remain, and sees the gallery at one moment."""
    search, gallery = make_search(engine, describer), Gallery()
    features = {number: describer(sample_image(number)) for number in range(8)}
    for number in range(4):
        gallery.add(str(number), sample_image(number), features[number])
    done = threading.Event()

    def write(seed):
        for step in range(12):
            number = 4 + (seed + step) % 4
            ids = [gallery.add(str(number), sample_image(number), features[number]) for _ in range(2)]
            gallery.remove(ids)
        return gallery.add(f"last {seed}", sample_image(4 + seed), features[4 + seed])

    def read():
        searches = 0
        while not done.is_set() or not searches:
            results = search_features(search, features[0], 100, gallery)
            names = [hit.name for hit in results.hits]
            assert names[0] == "0"
            assert len({hit.id for hit in results.hits}) == len(names) <= results.searched
            if engine == "exact":
                assert len(names) == results.searched
                assert set("0123") <= set(names)
            searches += 1

    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        last_ids = [writer.result() for writer in [pool.submit(write, seed) for seed in range(3)]]
        done.set()
        for reader in readers:
            reader.result()
    assert {entry.id for entry in gallery.entries} == {0, 1, 2, 3, *last_ids}
    for seed, id in enumerate(last_ids):
        assert search_features(search, features[4 + seed], 1, gallery).hits[0].id == id


def test_threads_add_to_one_gallery(describer):
    search = make_search("exact", describer)
    with ThreadPoolExecutor(3) as pool:
        batches = [[sample_image(4 * batch + number) for number in range(4)] for batch in range(3)]
        reports = list(pool.map(search.add, batches))
    ids = [id for report in reports for id in report.ids]
    assert sorted(ids) == list(range(12)) == [entry.id for entry in search.gallery.entries]


def test_an_index_that_failed_is_rebuilt(describer, gallery, monkeypatch):
    search = make_search("exact", describer, gallery=gallery)

    def fail(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(VectorGalleryIndex, "_add", fail)
        with pytest.raises(MemoryError):
            search(sample_image(0))
    assert search(sample_image(0)).hits[0].name == "0.png"


def test_an_index_is_freed_with_its_gallery(describer):
    search = make_search("exact", describer)
    gallery = Gallery()
    search.add([sample_image(0)], gallery=gallery)
    assert search(sample_image(0), gallery=gallery).hits
    assert len(search.gallery) == 0
    assert len(search._indexes) == 1
    del gallery
    gc.collect()
    assert len(search._indexes) == 0


def test_weights_are_loaded_as_they_belong_together(network_folder, vocabulary, tmp_path):
    digest = weights.digest(network_folder)
    config = {"network": digest, "threshold": 0.4, "false_accepts": 0.2}
    head = weights.save(DescriptorHead(sizes=[SIZE]), tmp_path / "head", config=config)
    words = vocabulary.save(tmp_path / "words", network=digest)
    search = ImageSearch.load(folder=head, backbone_folders=network_folder, device="cpu")
    assert (search.threshold, search.false_accept_rate) == (0.4, 0.2)
    search.add([sample_image(0), sample_image(1)])
    assert search(sample_image(1)).hits[0].id == 1
    options = {"folder": head, "backbone_folders": network_folder, "device": "cpu"}
    graph = ImageSearch.load("hnsw", **options, gallery=search.gallery)
    assert graph.strategy.describer is search.strategy.describer
    assert graph(sample_image(1)).hits[0].id == 1
    describer = Describer.load(DescriberWeights(head, words, network_folder, "cpu"))
    assert describer.vocabulary.settings.sigma == 8.0
    assert make_search("deepindex-single", describer)(sample_image(0)).hits == ()
    foreign = vocabulary.save(tmp_path / "foreign", network="another")
    with pytest.raises(WeightsError, match="learned with other weights"):
        Describer.load(DescriberWeights(head, foreign, network_folder))


@pytest.mark.parametrize("engine", ["exact", "deepindex-signature", "histogram"])
def test_a_file_is_decoded_once_per_request(engine, describer, gallery, tmp_path, monkeypatch):
    search = make_search(engine, describer, gallery=gallery)
    path = tmp_path / "query.png"
    sample_image(3).save(path)
    decoded = []
    decode = opening.decode_file
    monkeypatch.setattr(opening, "decode_file", lambda data: decoded.append(data) or decode(data))
    search(path)
    assert decoded == [path.read_bytes()]
    search.explain(path, 3)
    assert decoded[1:] == [path.read_bytes(), gallery.entry(3).thumbnail]


def test_features_are_plain_arrays(describer):
    features = describer(sample_image(0))
    assert {DESCRIPTOR, HASH, FINGERPRINT} <= set(features)
    assert all(type(value) is np.ndarray for value in features.values())
    assert np.linalg.norm(features[DESCRIPTOR]) == pytest.approx(1, abs=1e-5)
    repeated = describer(sample_image(0))
    for name, value in features.items():
        np.testing.assert_array_equal(value, repeated[name])
