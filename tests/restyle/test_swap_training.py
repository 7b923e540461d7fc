"""Training and benchmark of outfit swaps: augmentation, batches, losses, measures, the command line."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.pose import JOINTS
from shared.networks.swapgan import SwapGAN
from shared.restyle.parsing.classes import class_index
from shared.restyle.swap.benchmarks.measures import (
    color_distance,
    masked_similarity,
    outside_difference,
    pattern_distance,
)
from shared.restyle.swap.benchmarks.swaps import mean_color, no_change, pair_swaps, self_swaps, warp_only
from shared.restyle.swap.ccp import read_figures
from shared.restyle.swap.fabric import Swap
from shared.restyle.swap.training import network as recipe
from shared.restyle.swap.training.augment import Shape, change_fabric, change_shape, hide_parts, mirror
from shared.restyle.swap.training.batches import BatchSettings, SwapBatch, draw_swap, make_batch
from shared.restyle.swap.training.losses import LossWeights, SwapAdversaries, without_background
from shared.training.feature_losses import freeze
from tests.restyle.figures import COLORS, figure

GREEN = {**COLORS, "top": (30, 170, 60), "bottom": (220, 200, 40)}
TOP = class_index("top")


@pytest.fixture(scope="module")
def people():
    return [figure(), figure(GREEN, stripes=("top",)), figure(GREEN, shift=(5, 3))]


@pytest.fixture
def adversaries():
    torch.manual_seed(0)
    features = freeze(MobileNetV2Backbone(depth=2))
    return SwapAdversaries(SwapGAN((4, 8, 8), 1, 4), features, channels=4)


def test_shapes_change_image_classes_and_joints_alike(people):
    rng = np.random.default_rng(1)
    shape = Shape(scale=(0.9, 1.1), angle=0.1, shift=0.05, bend=0.03)
    for _ in range(5):
        changed = change_shape(people[0], shape, (128, 192), rng)
        assert changed.image.shape == (192, 128, 3)
        red = (changed.image.astype(int) - COLORS["top"]).__abs__().sum(2) < 60
        assert (red == changed.mask(TOP)).mean() > 0.98
        nose, hips = changed.joints[0, :2], changed.joints[11:13, :2].mean(0)
        assert changed.classes[round(float(nose[1])), round(float(nose[0]))] == class_index("skin")
        below = changed.classes[round(float(hips[1])) + 8, round(float(hips[0]))]
        assert below == class_index("bottom")


def test_mirror_swaps_left_and_right(people):
    mirrored = mirror(people[2])
    left, right = JOINTS.index("left_wrist"), JOINTS.index("right_wrist")
    assert mirrored.joints[left, 0] == 127 - people[2].joints[right, 0]
    assert np.array_equal(mirror(mirrored).image, people[2].image)


def test_hidden_parts_lose_their_classes(people):
    for seed in range(6):
        hidden = hide_parts(people[0], np.random.default_rng(seed))
        lost = (people[0].classes > 0) & (hidden.classes == 0)
        assert 0 < lost.sum() < 0.6 * (people[0].classes > 0).sum()


def test_fabrics_change_inside_the_garments_alone(people):
    mask = people[0].mask(TOP)
    for seed in range(6):
        image = change_fabric(people[0], ["top"], people[1], np.random.default_rng(seed))
        assert np.array_equal(image[~mask], people[0].image[~mask])
        assert np.abs(image[mask].astype(float) - people[0].image[mask]).mean() > 5


def test_batches_repeat_and_hold_what_they_say(people):
    settings = BatchSettings(same=2, pairs=1)
    first, second = (make_batch(people, settings, 3, 64) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    batch = SwapBatch.from_flat(first)
    assert batch.same.tolist() == [1, 1, 0]
    assert batch.target.shape == batch.inputs.reference.shape == (3, 3, 96, 64)
    outside = (batch.inputs.mask == 0).expand_as(batch.target)
    assert torch.equal(batch.inputs.reference[outside], batch.target[outside])
    changed = (batch.inputs.reference - batch.target).abs().sum((1, 2, 3)) > 0
    assert changed.tolist() == [True, True, False]


def test_the_source_of_one_person_tells_the_true_colors(people):
    swap, target = draw_swap(people[:2], True, (128, 192), np.random.default_rng(0))
    for name, substitute in swap.pairs.items():
        truth = target[swap.reference.mask(class_index(name))].mean(0)
        offered = swap.source.image[swap.source.mask(class_index(substitute))].mean(0)
        assert np.abs(truth - offered).max() < 30


def gradients(network):
    return sum(p.grad.abs().sum().item() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("loss", "reached"),
    [
        ("image", {"generator_1", "generator_2"}),
        ("features", {"generator_1", "generator_2"}),
        ("person", {"generator_1"}),
        ("adversary", {"generator_1", "generator_2"}),
        ("mask", {"generator_1", "generator_2", "generator_3"}),
    ],
)
def test_each_loss_reaches_its_generators(adversaries, people, loss, reached):
    losses, fakes = adversaries.generator_losses(make_batch(people, BatchSettings(2, 1), 0, 64), 0)
    assert set(losses) == {"image", "features", "person", "adversary", "mask"}
    assert [fake.shape for fake in fakes] == [(3, 3, 96, 64)] * 2
    losses[loss].backward()
    for name in ("generator_1", "generator_2", "generator_3"):
        assert (gradients(getattr(adversaries.generators, name)) > 0) == (name in reached), name


def test_the_discriminator_alone_learns_from_its_loss(adversaries, people):
    batch = make_batch(people, BatchSettings(2, 1), 0, 64)
    _, fakes = adversaries.generator_losses(batch, 0)
    adversaries.discriminators.zero_grad()
    adversaries.discriminator_loss(batch, tuple(fake.detach() for fake in fakes)).backward()
    assert gradients(adversaries.discriminators) > 0
    assert gradients(adversaries.generators) == 0


def test_pairs_of_people_have_no_target(adversaries, people):
    adversaries.weights = LossWeights(fabric=0)
    losses, _ = adversaries.generator_losses(make_batch(people, BatchSettings(0, 2), 0, 64), 0)
    assert losses["image"] == losses["features"] == losses["person"] == 0


def test_the_background_is_grey_for_the_discriminator(people):
    batch = SwapBatch.from_flat(make_batch(people, BatchSettings(1, 1), 0, 64))
    image = without_background(batch.target, batch)
    background = batch.inputs.classes[:, :1].bool().expand_as(image)
    assert (image[background] == 0).all()


def test_measures_of_the_same_garment_are_zero():
    red, stripes = figure(), figure(stripes=("top",))
    mask = red.mask(TOP)
    assert color_distance(red.image, mask, red.image, mask) == 0
    assert pattern_distance(stripes.image, mask, stripes.image, mask) == 0
    assert pattern_distance(red.image, mask, stripes.image, mask) > 0.9
    assert masked_similarity(stripes.image, stripes.image, mask) == pytest.approx(1)
    assert outside_difference(red.image, stripes.image, mask) == 0
    assert outside_difference(red.image, stripes.image, ~mask) > 10


def test_baselines_bring_color_and_pattern(people):
    swap = Swap(people[0], people[1], {"top": "top"})
    mask, aim = swap.mask, (people[1].image, people[1].mask(TOP))
    rows = {f: f(swap) for f in (no_change, mean_color, warp_only)}
    colors = [color_distance(rows[f], mask, *aim) for f in (no_change, mean_color, warp_only)]
    assert colors[0] > colors[1] > colors[2]
    patterns = [pattern_distance(rows[f], mask, *aim) for f in (no_change, mean_color, warp_only)]
    assert patterns[0] > 0.9
    assert patterns[2] < 0.1
    assert all(outside_difference(image, people[0].image, mask) == 0 for image in rows.values())


def test_swaps_of_the_benchmark_repeat(people):
    first, second = self_swaps(people), self_swaps(people)
    assert len(first) == 3
    for (swap, truth), (again, _) in zip(first, second, strict=True):
        assert np.array_equal(swap.reference.image, again.reference.image)
        assert np.array_equal(swap.reference.image[~swap.mask], truth[~swap.mask])
    assert len(pair_swaps(people)) == 3


@pytest.fixture
def ccp(tmp_path):
    """Return a folder like Clothing Co-Parsing's with three people for training and two for validation."""
    root = tmp_path / "ccp"
    for name in ("photos", "labels"):
        (root / name).mkdir(parents=True)
    names = ["null", "skin", "hair", "t-shirt", "coat", "dress", "jeans", "socks", "shoes", "bag", "hat"]
    (root / "label_names.json").write_text(json.dumps({"names": names}))
    splits = ["train", "train", "train", "val", "val"]
    with (root / "photos.tsv").open("w", newline="") as file:
        rows = csv.writer(file, delimiter="\t")
        rows.writerow(["id", "annotation", "split", "tag_ids"])
        rows.writerows([str(index), "pixel", split, "0 3"] for index, split in enumerate(splits))
    with (root / "keypoints.tsv").open("w", newline="") as file:
        rows = csv.writer(file, delimiter="\t")
        rows.writerow(["id", *JOINTS])
        for index in range(len(splits)):
            person = figure(GREEN if index % 2 else COLORS, shift=(index, 0))
            Image.fromarray(person.image).save(root / "photos" / f"{index}.webp")
            Image.fromarray(person.classes).save(root / "labels" / f"{index}.png")
            rows.writerow([str(index), *(",".join(map(str, joint)) for joint in person.joints)])
    return root


def test_figures_of_a_split_are_read(ccp):
    figures = read_figures(ccp, "train", size=(64, 96))
    assert [entry.image.shape for entry in figures] == [(96, 64, 3)] * 3
    assert all(entry.mask(TOP).any() for entry in figures)
    with pytest.raises(ValueError, match="no split"):
        read_figures(ccp, "test")


def test_the_recipe_runs_end_to_end(ccp, tmp_path, monkeypatch):
    monkeypatch.setattr(
        recipe, "load_fixed_network", lambda path, depth: freeze(MobileNetV2Backbone(depth=2))
    )
    monkeypatch.setattr(recipe, "SHEET_ROWS", 2)
    out = tmp_path / "run"
    base = ["--data", str(ccp), "--out", str(out), "--features", "none.safetensors", "--stages", "2:32"]
    recipe.main([*base, "--channels", "4", "8", "8", "--blocks", "1", "--batch", "1", "--pairs", "1"])
    assert (out / "weights" / "model.safetensors").is_file()
    assert Image.open(out / "samples-000002.png").size == (2 * 6 * 128, 192)


def test_parts_that_can_be_left_out_are_named(ccp, tmp_path, capsys):
    with pytest.raises(SystemExit):
        recipe.main(
            ["--data", str(ccp), "--out", str(tmp_path), "--features", "f", "--without", "discriminator"]
        )
    assert "mask" in capsys.readouterr().err
