"""Galleries are filled, searched with every engine, changed on many threads, and never searched wrongly."""

import gc
import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from skimage import data

from shared.core import weights
from shared.core.image_files import read_images
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.gallery.gallery import Gallery
from shared.gallery.index import FINGERPRINT, MismatchError, VectorGalleryIndex
from shared.gallery.results import SearchRequest
from shared.gallery.search import EncodedQuery
from shared.networks.cfn import CFN
from shared.retrieval.deepindex import vocabulary
from shared.retrieval.deepindex.patches import bag, grid
from shared.retrieval.describer import DESCRIPTOR, HASH, Describer
from shared.retrieval.descriptor.extractor import Extractor, network_digest
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import ENGINES
from shared.retrieval.search import ImageSearch
from tests.predictors import DoerTests, lively, photo

SIZE = 64


def part(number):
    """A part of a photo, unlike all others with numbers below 40."""
    whole = Image.fromarray((data.astronaut, data.coffee, data.chelsea, data.rocket)[number % 4]())
    left, top = 25 * (number // 4), 17 * (number // 4)
    return whole.crop((left, top, left + 130, top + 100))


def learned(extractor, seed=0):
    """Words of a few photos."""
    boxes = grid((1, 2))
    bags = [bag(extractor.maps(part(number), SIZE), boxes) for number in range(40)]
    sizes = {"mid": 24, "high": 24}
    return vocabulary.learn(bags, sizes, power=3.0, dims=16, bits=16, signature_bits=32, seed=seed)


@pytest.fixture(scope="module")
def extractor(network_folder):
    return Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")


@pytest.fixture(scope="module")
def words(extractor):
    return learned(extractor)


@pytest.fixture(scope="module")
def describer(extractor, words):
    settings = {"assignments": (4, 4), "sigma": 8.0}
    return Describer(extractor, words, size=SIZE, threshold=0.9, settings=settings)


@pytest.fixture(scope="module")
def filled(describer):
    """A gallery of twelve parts of photos; only to be read."""
    search = ImageSearch("exact", describer)
    search.add([(f"{number}.png", part(number)) for number in range(12)])
    return search.gallery


class TestImageSearch(DoerTests):
    doer_class, engines = ImageSearch, ENGINES

    @pytest.fixture
    def doer(self, describer, filled):
        return ImageSearch("exact", describer, filled)

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
def test_every_engine_finds_the_picture_itself_first(engine, describer, filled):
    search = ImageSearch(engine, describer, filled)
    for number in (0, 5, 11):
        results = search(part(number), top_k=3)
        assert results.hits[0].name == f"{number}.png"
        assert results.hits[0].rank == 1
        assert results.engine == engine
        assert results.searched == 12
        assert len(results.hits) <= 3
        again = search.like(number, top_k=3)
        expected = [hit.id for hit in search(part(number), top_k=4).hits if hit.id != number][:3]
        assert [hit.id for hit in again.hits] == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_removed_is_not_found(engine, describer):
    search = ImageSearch(engine, describer)
    assert search(part(0)).hits == ()
    ids = search.add([part(number) for number in range(6)]).ids
    assert search(part(2)).hits[0].id == ids[2]
    search.gallery.remove([ids[2]])
    assert ids[2] not in {hit.id for hit in search(part(2)).hits}
    (new,) = search.add([("again", part(2))]).ids
    assert search(part(2)).hits[0].id == new
    search.gallery.clear()
    assert search(part(2)).hits == ()
    assert search.add([part(1), part(2)]).ids == (new + 1, new + 2)  # words of all pictures count nothing
    assert search(part(1)).hits[0].id == new + 1


def test_a_part_finds_what_it_was_cut_from(describer):
    search = ImageSearch("exact", describer)
    search.add([part(number) for number in range(8)])
    both = Image.new("RGB", (260, 100))
    both.paste(part(3), (0, 0))
    both.paste(part(6), (130, 0))
    assert search(both, box=(0, 0, 130, 100)).hits[0].id == 3
    found = search(both, box=(130, 0, 260, 100)).hits[0]
    assert (found.id, round(found.score, 3)) == (6, 1.0)


def test_the_threshold_judges_the_best_hit(describer, extractor, filled):
    exact = ImageSearch("exact", describer, filled)
    assert exact(part(0)).good_match is True
    assert exact(part(0)).threshold == 0.9
    strict = ImageSearch("exact", Describer(extractor, threshold=1.5), filled)
    assert strict(part(0)).good_match is False
    assert ImageSearch("exact", Describer(extractor), filled)(part(0)).good_match is None
    assert ImageSearch("histogram", describer, filled)(part(0)).good_match is None
    assert ImageSearch("exact", describer)(part(0)).good_match is False


def test_least_leaves_out_what_is_unlike(describer, filled):
    search = ImageSearch("exact", describer, filled)
    scores = [hit.score for hit in search(part(0)).hits]
    assert [hit.score for hit in search(part(0), min_score=scores[4]).hits] == scores[:5]
    assert search(part(0), min_score=2.0).hits == ()


def test_near_duplicates_hide_behind_the_first(describer):
    search = ImageSearch("exact", describer)
    copies = []
    for quality in (95, 80, 60):
        stream = io.BytesIO()
        part(0).save(stream, "JPEG", quality=quality)
        copies.append(stream.getvalue())
    ids = search.add([*copies, *(part(number) for number in range(1, 12))]).ids
    plain = search(part(0), top_k=12)
    assert {hit.id for hit in plain.hits[:3]} == set(ids[:3])
    hidden = search(part(0), top_k=12, hide_duplicates=True)
    assert hidden.hits[0].id == plain.hits[0].id
    assert hidden.hits[0].duplicate_count == 2
    assert [hit.rank for hit in hidden.hits] == list(range(1, 13))
    assert sum(1 + hit.duplicate_count for hit in hidden.hits) == 14
    assert all(hit.duplicate_count == 0 for hit in plain.hits)


def test_lists_are_full_however_many_are_hidden(describer):
    """One photo 60 times, then others that are farther away: the list goes down to them."""
    gallery, search = Gallery(), ImageSearch("exact", describer)
    own = describer(part(0))
    for number in range(60):
        gallery.add(f"copy {number}", part(0), own)
    for number in range(1, 6):
        gallery.add(f"other {number}", part(number), describer(part(number)))
    hits = search(part(0), top_k=3, hide_duplicates=True, gallery=gallery).hits
    assert [hit.duplicate_count for hit in hits] == [59, 0, 0]


def test_all_kinds_of_sources_are_added(describer, tmp_path):
    search = ImageSearch("exact", describer)
    folder = tmp_path / "photos"
    folder.mkdir()
    part(0).save(folder / "a.png")
    part(1).save(folder / "b.jpg")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(folder / "a.png", "inside/c.png")
    assert len(search.add(folder).ids) == 2
    search.add(str(tmp_path / "more.zip"))
    search.add(read_images([folder / "b.jpg"]))
    search.add(part(2))
    search.add([np.asarray(part(3)), (folder / "a.png").read_bytes(), ("named", folder / "a.png")])
    with zipfile.ZipFile(tmp_path / "more.zip") as archive, archive.open("inside/c.png") as file:
        search.add(("open", one) for one in [file])
    names = [entry.name for entry in search.gallery.entries]
    expected = ["a.png", "b.jpg", "c.png", "b.jpg", "picture 1", "picture 1", "picture 2", "named", "open"]
    assert names == expected
    assert all(entry.size == (130, 100) for entry in search.gallery.entries)
    with pytest.raises(FileNotFoundError):
        search.add(tmp_path / "nowhere")


def test_what_cannot_be_used_is_told_and_the_rest_goes_on(describer, tmp_path):
    search, told = ImageSearch("exact", describer), []
    closed = io.BytesIO(b"x")
    closed.close()
    photos = [part(0), ("bad", b"not a picture"), ("gone", tmp_path / "no.png"), ("closed", closed), part(1)]
    added = search.add(photos, progress=lambda done, total: told.append((done, total)))
    assert added.ids == (0, 1)
    assert [name for name, _ in added.skipped] == ["bad", "gone", "closed"]
    assert all(reason.endswith(".") for _, reason in added.skipped)
    assert told == [(number, 5) for number in range(1, 6)]
    assert added.full == ""


def test_a_full_gallery_takes_no_more(describer):
    search = ImageSearch("exact", describer, Gallery(max_count=2))
    looked = []
    added = search.add((looked.append(number) or part(number)) for number in range(200))
    assert added.ids == (0, 1)
    assert added.full == "The gallery is full with 2 pictures: please remove some of them first."
    assert len(looked) < 30


def test_large_pictures_are_kept_small(describer):
    search = ImageSearch("exact", describer)
    search.add([photo(2000, 1000)])
    (entry,) = search.gallery.entries
    assert entry.size == (2000, 1000)
    assert search.gallery.image(entry.id).size == (640, 320)
    assert search(photo(2000, 1000)).hits[0].score == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda search: search(part(0), top_k=0), ValueError, "top_k must be"),
        (lambda search: search(part(0), top_k=1001), ValueError, "top_k must be"),
        (lambda search: search(part(0), top_k=2.5), ValueError, "top_k must be"),
        (lambda search: search(part(0), min_score=float("nan")), ValueError, "min_score must be"),
        (lambda search: search(part(0), min_score="x"), ValueError, "min_score must be"),
        (lambda search: search(part(0), box=(500, 0, 600, 90)), ImageError, "must lie in the picture"),
        (lambda search: search(part(0), box=(0, 0, float("inf"), 9)), ImageError, "must lie in the picture"),
        (lambda search: search.like(99), ImageError, "no picture 99"),
    ],
)
def test_what_is_out_of_range_says_so(call, error, text, describer, filled):
    with pytest.raises(error, match=text):
        call(ImageSearch("exact", describer, filled))


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple"])
def test_a_gallery_of_other_weights_is_refused(engine, describer, extractor, words, filled):
    other = Extractor("cfn", lively(CFN(classes=3, fusion="none"), seed=1).eval(), extractor.head)
    search = ImageSearch(engine, Describer(other, words, size=SIZE), filled)
    for call in (lambda: search(part(0)), lambda: search.like(0), lambda: search.add([part(0)])):
        with pytest.raises(MismatchError, match="other weights"):
            call()
    assert ImageSearch("histogram", search.describer, filled)(part(0)).hits[0].name == "0.png"


def test_other_words_matter_to_deepindex_alone(extractor, filled):
    changed = Describer(extractor, learned(extractor, seed=5), size=SIZE)
    assert ImageSearch("exact", changed, filled)(part(0)).hits[0].name == "0.png"
    with pytest.raises(MismatchError, match="other weights"):
        ImageSearch("deepindex-single", changed, filled)(part(0))
    without = ImageSearch("exact", Describer(extractor))
    without.add([part(0)])
    with pytest.raises(MismatchError, match="lacks"):
        ImageSearch("deepindex-single", changed, without.gallery)(part(0))
    with pytest.raises(WeightsError, match="no words"):
        ImageSearch("deepindex-single", without.describer)


def test_patches_make_the_index_that_bags_make(describer, extractor, words):
    """What is stored of a picture is enough: the words and signatures are those of the whole bag."""
    own = bag(extractor.maps(part(3), SIZE), words.boxes, words.power)
    kept = describer.bag(describer(part(3)))
    for level, book in words.codebooks.items():
        one, other = (
            book.assign(own.features[level]),
            describer.words.codebooks[level].assign(kept.features[level]),
        )
        np.testing.assert_array_equal(one.words, other.words)
        assert (np.unpackbits(one.codes ^ other.codes)).mean() < 0.02  # rounded to float16
    one, other = (
        book.assign(row[None]).codes
        for book, row in ((words.signature, own.whole), (describer.words.signature, kept.whole))
    )
    assert np.unpackbits(one ^ other).mean() < 0.05


def test_a_gallery_comes_back_from_its_file(describer, filled, tmp_path):
    filled.save(tmp_path / "gallery")
    again = Gallery.load(tmp_path / "gallery")
    for engine in ENGINES:
        search = ImageSearch(engine, describer, again)
        assert search(part(4)).hits == ImageSearch(engine, describer, filled)(part(4)).hits


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple"])
def test_searches_while_pictures_come_and_go(engine, describer):
    """Pictures that stay are found by every search, and every answer is of one moment."""
    search, gallery = ImageSearch(engine, describer), Gallery()
    known = {number: describer(part(number)) for number in range(8)}
    for number in range(4):
        gallery.add(str(number), part(number), known[number])
    done = threading.Event()

    def write(seed):
        for step in range(12):
            number = 4 + (seed + step) % 4
            ids = [gallery.add(str(number), part(number), known[number]) for _ in range(2)]
            gallery.remove(ids)
        return gallery.add(f"last {seed}", part(4 + seed), known[4 + seed])

    def read():
        looks = 0
        while not done.is_set() or not looks:
            results = search._search(lambda: EncodedQuery(known[0]), SearchRequest(100, gallery=gallery))
            names = [hit.name for hit in results.hits]
            assert names[0] == "0"
            assert len({hit.id for hit in results.hits}) == len(names) <= results.searched
            if engine == "exact":
                assert len(names) == results.searched
                assert set("0123") <= set(names)
            looks += 1

    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        last = [writer.result() for writer in [pool.submit(write, seed) for seed in range(3)]]
        done.set()
        for reader in readers:
            reader.result()
    assert {entry.id for entry in gallery.entries} == {0, 1, 2, 3, *last}
    for seed, id in enumerate(last):
        assert (
            search._search(lambda: EncodedQuery(known[4 + seed]), SearchRequest(1, gallery=gallery))
            .hits[0]
            .id
            == id
        )


def test_threads_add_to_one_gallery(describer):
    search = ImageSearch("exact", describer)
    with ThreadPoolExecutor(3) as pool:
        added = list(pool.map(lambda n: search.add([part(4 * n + k) for k in range(4)]), range(3)))
    ids = [id for one in added for id in one.ids]
    assert sorted(ids) == list(range(12)) == [entry.id for entry in search.gallery.entries]


def test_an_index_that_fails_starts_anew(describer, filled, monkeypatch):
    search = ImageSearch("exact", describer, filled)

    def fail(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(VectorGalleryIndex, "_add", fail)
        with pytest.raises(MemoryError):
            search(part(0))
    assert search(part(0)).hits[0].name == "0.png"


def test_indexes_go_with_their_galleries(describer):
    search = ImageSearch("exact", describer)
    visitor = Gallery()
    search.add([part(0)], gallery=visitor)
    assert search(part(0), gallery=visitor).hits
    assert len(search.gallery) == 0
    assert len(search._indexes) == 1
    del visitor
    gc.collect()
    assert len(search._indexes) == 0


def test_load_takes_what_the_descriptor_was_made_for(network_folder, words, describer, tmp_path):
    digest = network_digest(network_folder)
    head = weights.save(
        DescriptorHead(sizes=[SIZE]), tmp_path / "head", config={"network": digest, "threshold": 0.4}
    )
    own = words.save(tmp_path / "words", network=digest, size=SIZE, settings={"sigma": 8.0})
    search = ImageSearch.load(folder=head, network=network_folder, device="cpu")
    assert search.threshold == 0.4
    search.add([part(0), part(1)])
    assert search(part(1)).hits[0].id == 1
    shared = ImageSearch.load(
        "hnsw", folder=head, network=network_folder, device="cpu", gallery=search.gallery
    )
    assert shared.describer is search.describer
    assert shared(part(1)).hits[0].id == 1
    loaded = Describer.load(head=head, words=own, network=network_folder, device="cpu")
    assert loaded.settings.sigma == 8.0
    assert ImageSearch("deepindex-single", loaded)(part(0)).hits == ()
    wrong = words.save(tmp_path / "wrong", network="another")
    with pytest.raises(WeightsError, match="learned with other weights"):
        Describer.load(head=head, words=wrong, network=network_folder)


def test_features_are_plain_arrays(describer):
    features = describer(part(0))
    assert {DESCRIPTOR, HASH, FINGERPRINT} <= set(features)
    assert all(type(value) is np.ndarray for value in features.values())
    assert np.linalg.norm(features[DESCRIPTOR]) == pytest.approx(1, abs=1e-5)
    again = describer(part(0))
    for kind, value in features.items():
        np.testing.assert_array_equal(value, again[kind])
