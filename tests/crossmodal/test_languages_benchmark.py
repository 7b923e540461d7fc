"""Names of things in six languages, of the languages benchmark."""

from shared.crossmodal.benchmarks.languages import ENGLISH, main, read_names
from shared.crossmodal.text.dictionary import LANGUAGES
from tests.crossmodal.color_embedder import ColorEmbedder, color_image


def test_names_are_distinct_and_complete():
    names = read_names()
    assert len(names) >= 60
    assert len({row[ENGLISH] for row in names}) == len(names)
    assert all(set(row) == {ENGLISH, *LANGUAGES} and all(row.values()) for row in names)


def test_names_of_all_languages_find_photos(tmp_path, monkeypatch):
    folder = tmp_path / "things"
    for name, color in (("crab", "red"), ("dolphin", "blue")):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            color_image(color).save(folder / name / f"{number}.png")

    class NameEmbedder(ColorEmbedder):
        def embed_texts(self, texts, engine):
            colors = {"crab": "red", "dolphin": "blue"}
            return super().embed_texts([colors.get(text, text) for text in texts], engine)

    monkeypatch.setattr(
        "shared.crossmodal.benchmarks.languages.load_combined_space", lambda **_: NameEmbedder()
    )
    report = main(["--data", str(folder)])
    assert report.items == 2 * 7
    assert report.metrics["rrf, en"] == {"R@1": 1, "R@5": 1, "R@1 as typed": 1, "translated": 0}
    assert report.metrics["rrf, ja"] == {"R@1": 1, "R@5": 1, "R@1 as typed": 0.5, "translated": 1}
