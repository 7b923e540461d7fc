"""Outfit swaps: frames, warping by pose, fabric, inputs, composition at full size, the predictor."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.errors import InputError
from shared.networks.swapgan import SwapGAN
from shared.restyle.garment.cloth import find_cloth
from shared.restyle.parsing.classes import class_index
from shared.restyle.swap.body import BODY
from shared.restyle.swap.compose import compose
from shared.restyle.swap.fabric import (
    SUBSTITUTES,
    Swap,
    garment_field,
    mirror_places,
    pair_garments,
    visible_garments,
    warp_fabric,
)
from shared.restyle.swap.figure import Figure, cut_figure, person_box
from shared.restyle.swap.folds import printed_share
from shared.restyle.swap.inputs import broad_shading, make_inputs
from shared.restyle.swap.subject import choose_garments, find_subject
from shared.restyle.swap.swapper import OutfitSwapper
from shared.restyle.swap.tidy import tidy_garments
from shared.restyle.swap.warp import (
    all_places,
    mask_field,
    near_body,
    pose_field,
    sample,
    warp_person,
)
from tests.restyle.figures import COLORS, figure, joints, subject

GREEN = {**COLORS, "top": (30, 170, 60), "bottom": (220, 200, 40)}


def test_the_frame_holds_the_person():
    person = figure()
    image = Image.fromarray(person.image).resize((640, 960), Image.Resampling.NEAREST)
    moved = person.joints.copy()
    moved[:, :2] = (moved[:, :2] + 0.5) * 5 - 0.5
    cut = cut_figure(image, person.classes, moved)
    assert cut.image.shape == (192, 128, 3)
    rows = np.flatnonzero(cut.classes.any(1))
    assert rows[0] < 8
    assert rows[-1] > 183
    for joint, point in zip(cut.joints, person.joints, strict=True):
        scale = 192 / (172 * 1.06)
        assert joint[1] - cut.joints[0, 1] == pytest.approx((point[1] - person.joints[0, 1]) * scale, abs=0.2)
    assert (cut.image[cut.mask(class_index("top"))] == COLORS["top"]).mean() > 0.9


def test_a_frame_may_reach_beyond_the_photo():
    classes = np.ones((40, 20), np.uint8)
    box = person_box(classes, (20, 40))
    assert box[0] < 0
    assert box[3] > 40
    cut = cut_figure(Image.new("RGB", (20, 40), "red"), classes, joints())
    assert cut.image[0, 0].tolist() == [255, 255, 255]
    assert cut.classes[0, 0] == 0


@pytest.mark.parametrize("shift", [(0, 0), (7, -5), (-12, 3)])
def test_the_warp_of_a_shifted_pose_is_a_shift(shift):
    places = all_places(192, 128)
    field = pose_field(joints(), joints(shift), BODY, places, 20.0)
    assert np.allclose(field, places + np.float32(shift)[:, None, None], atol=1e-2)


def test_a_raised_arm_moves_its_sleeve_alone():
    raised = joints()
    raised[7, :2], raised[9, :2] = (106, 40), (130, 40)  # left elbow and wrist
    field = pose_field(raised, joints(), BODY, np.array([[106.0, 64.0], [40.0, 80.0]], np.float32), 20.0)
    assert np.allclose(field[:, 0], (84, 64), atol=3)  # the raised elbow shows the lowered one
    assert np.allclose(field[:, 1], (64, 80), atol=3)


def test_hidden_joints_leave_their_parts_out():
    hidden = joints()
    hidden[:, 2] = 0
    assert pose_field(hidden, joints(), BODY, all_places(8, 8), 20.0) is None
    legless = joints()
    legless[13:, 2] = 0
    assert pose_field(legless, joints(), BODY, all_places(8, 8), 20.0) is not None


def test_beside_a_raised_arm_there_is_nothing():
    raised = joints()
    raised[7, :2], raised[9, :2] = (106, 40), (126, 40)  # left elbow and wrist
    places = np.array([[110.0, 126.0, 64.0, 30.0], [42.0, 62.0, 70.0, 150.0]], np.float32)
    assert near_body(raised, places, 20.0).tolist() == [1, 0, 1, 1]


def test_boxes_of_masks_map_onto_each_other():
    first, second = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    first[4:8, 2:10] = True
    second[0:16, 4:8] = True
    corners = np.array([[1.5, 9.5], [3.5, 7.5]], np.float32)  # outer edges of the first box
    assert np.allclose(mask_field(first, second, corners), [[3.5, 7.5], [-0.5, 15.5]])


def test_places_outside_are_mirrored_into_the_fabric():
    mask = np.zeros((16, 16), bool)
    mask[:, 4:12] = True
    places, away = mirror_places(mask, np.array([[2.0, 6.0, 13.0], [8.0, 8.0, 8.0]], np.float32))
    assert np.allclose(places, [[6, 6, 9], [8, 8, 8]])
    assert away.tolist() == [2, 0, 2]


def test_sampling_at_every_place_changes_nothing():
    image = figure(stripes=("top",)).image
    assert np.allclose(sample(image, all_places(192, 128)), image, atol=1e-3)


def test_fabric_follows_a_shift_with_its_stripes():
    source = figure(shift=(9, 4), stripes=("top",))
    swap = Swap(figure(GREEN), source, {"top": "top"})
    fabric = warp_fabric(swap)
    mask = swap.mask
    expected = figure(stripes=("top",)).image
    difference = np.abs(fabric[..., :3] * 255 - expected)[mask].mean()
    assert difference < 4
    assert (fabric[~mask] == 0).all()
    assert fabric[mask][:, 3].mean() > 0.9


def test_a_garment_that_the_pose_misses_is_fitted_by_its_box():
    source = figure()
    short = Figure(source.image, np.where(np.arange(192)[:, None] > 48, 0, source.classes), source.joints)
    swap = Swap(figure(GREEN), short, {"top": "top"})
    field = garment_field(swap, "top")
    assert field[1].max() < 50  # the whole garment shows the short one


def test_garments_are_paired_with_substitutes():
    person, source = figure(), figure(GREEN)
    assert visible_garments(person) == ["bottom", "top", "shoes"]
    dress = Figure(
        source.image, np.where(source.classes > 2, class_index("dress"), source.classes), source.joints
    )
    assert pair_garments(person, dress, ["top", "bottom", "shoes"]) == {"top": "dress", "bottom": "dress"}
    assert set(SUBSTITUTES) >= set(visible_garments(dress))


def test_inputs_hide_nothing_of_the_person_outside_and_have_the_right_sizes():
    swap = Swap(figure(), figure(GREEN, shift=(4, 0)), {"top": "top"})
    inputs = make_inputs(swap)
    assert inputs.reference.shape == (1, 3, 192, 128)
    assert inputs.source_masks.shape == (1, len(SUBSTITUTES), 48, 32)
    assert torch.equal(inputs.mask[0, 0].bool(), torch.from_numpy(swap.mask))
    assert inputs.classes.sum(1).min() == inputs.classes.sum(1).max() == 1
    assert inputs.pose.amax((2, 3)).min() > 0.9
    assert (inputs.fabric * (1 - inputs.mask)).abs().max() == 0
    person = warp_person(swap.reference, swap.source)
    assert np.abs(person[..., 3] - (swap.reference.classes > 0)).mean() < 0.02
    outputs = SwapGAN((4, 8, 8), 1, 4)(inputs)
    assert outputs.image.shape == inputs.reference.shape


def test_shading_holds_light_but_no_print():
    plain, striped = figure(), Swap(figure(stripes=("top",)), figure(), {"top": "top"})
    light = np.linspace(0.5, 1.1, 128)[None, :, None]
    lit = Figure((plain.image * light).clip(0, 255).astype(np.uint8), plain.classes, plain.joints)
    folds, stripes = broad_shading(Swap(lit, plain, {"top": "top"})), broad_shading(striped)
    assert (np.diff(folds[60, 46:82]) >= -1e-3).all()
    assert folds[60, 80] - folds[60, 48] > 0.5
    rows = stripes[50:80, 64]
    assert rows.max() - rows.min() < 0.1 * 6  # of the difference of the stripes themselves, cut at 3
    assert (stripes[~striped.mask] == 0).all()


def test_full_size_changes_the_garment_alone():
    person, source = subject(figure(), 3), subject(figure(GREEN, stripes=("top",)), 2)
    swap = Swap(person.figure, source.figure, {"top": "top"})
    frame = warp_fabric(swap)[..., :3] * swap.mask[..., None]
    result = compose(person, source, swap, frame.transpose(2, 0, 1), 1.0)
    assert result.size == person.image.size
    before, after = np.asarray(person.image, float), np.asarray(result, float)
    top, near = np.zeros((576, 384), bool), np.zeros((576, 384), bool)
    top[36 * 3 + 9 : 92 * 3 - 9, 42 * 3 + 9 : 86 * 3 - 9] = True
    near[36 * 3 - 9 : 92 * 3 + 9, 42 * 3 - 9 : 86 * 3 + 9] = True
    assert (before[~near] == after[~near]).all()
    green = after[top].mean(0)
    assert green[1] > green[0]
    rows = after[130:250, 160:220, 0].mean(1)
    assert rows.max() - rows.min() > 120  # the stripes come across


def test_unsure_garments_are_masked_where_they_are_the_likeliest_class():
    person = subject(figure(), 2)
    top, inside = class_index("top"), person.outfit.labels == class_index("top")
    person.outfit.probabilities[:, inside] = 0.05
    person.outfit.probabilities[top, inside] = 0.4
    mask = person.coarse_mask(["top"])
    assert mask[inside].min() == 1
    assert mask[~inside].max() == 0


def test_strength_zero_changes_nothing():
    person, source = subject(figure(), 2), subject(figure(GREEN), 2)
    swap = Swap(person.figure, source.figure, {"top": "top"})
    frame = np.zeros((3, 192, 128), np.float32)
    result = compose(person, source, swap, frame, 0.0)
    assert np.abs(np.asarray(result, float) - np.asarray(person.image, float)).max() <= 1


def test_prints_are_told_from_folds():
    rng = np.random.default_rng(0)
    plain = (np.float32([120, 40, 50]) * rng.normal(1, 0.1, (500, 1))).clip(0, 255).astype(np.uint8)
    printed = np.concatenate([plain, np.full((250, 3), (30, 160, 200), np.uint8)])
    assert printed_share(find_cloth(plain), plain) < 0.05
    assert printed_share(find_cloth(printed), printed) > 0.2


class FixedParser:
    """Returns the outfits of subjects, by the size of their photos."""

    def __init__(self, *subjects):
        self.subjects = {entry.image.size: entry for entry in subjects}

    def __call__(self, image):
        return self.subjects[image.size].outfit


class FixedEstimator(FixedParser):
    def __call__(self, image, box=None):
        return self.subjects[image.size].pose


@pytest.fixture
def swapper():
    torch.manual_seed(0)
    subjects = subject(figure(), 3), subject(figure(GREEN), 2)
    network = SwapGAN((4, 8, 8), 1, 4).eval()
    return OutfitSwapper(network, FixedParser(*subjects), FixedEstimator(*subjects)), subjects


def test_the_swapper_returns_the_result_and_its_stages(swapper):
    predictor, (person, source) = swapper
    result = predictor(person.image, source.image, garments=("top", "bottom"))
    assert result.image.size == person.image.size
    assert result.garments == {"top": "top", "bottom": "bottom"}
    assert [stage.name for stage in result.stages] == [
        *("parse", "pose", "warp", "generator-1", "generator-2", "generator-3")
    ]
    assert 0 <= result.agreement <= 1
    assert result.notes == []
    assert result.as_dict()["garments"] == {"top": "top", "bottom": "bottom"}
    assert set(result.files()) == {".png", *(f".{stage.name}.png" for stage in result.stages)}


def test_missing_garments_are_noted_or_refused(swapper):
    predictor, (person, source) = swapper
    result = predictor(person.image, source.image, garments=("top", "dress"))
    assert result.garments == {"top": "top"}
    assert "dress" in result.notes[0]
    with pytest.raises(InputError, match="nothing to swap"):
        predictor(person.image, source.image, garments=("dress",))
    with pytest.raises(ValueError, match="a garment must be one of"):
        predictor(person.image, source.image, garments=("skin",))
    with pytest.raises(ValueError, match="strength"):
        predictor(person.image, source.image, strength=2)


def test_a_photo_without_a_person_is_refused():
    empty = subject(figure(), 2)
    empty.outfit.probabilities[:] = 0
    empty.outfit.probabilities[0] = 1
    empty.outfit.labels[:] = 0
    with pytest.raises(InputError, match="No person"):
        find_subject(empty.image, FixedParser(empty), FixedEstimator(empty))


def test_specks_of_a_similar_garment_disappear():
    person = subject(figure(), 2).outfit
    top, coat, bottom = (class_index(name) for name in ("top", "outerwear", "bottom"))
    mask = person.labels == top
    noisy = person.probabilities.copy()
    speckles = np.random.default_rng(0).random(mask.shape) < 0.3
    noisy[coat][mask & speckles], noisy[top][mask & speckles] = 0.6, 0.4
    noisy[coat][mask & ~speckles], noisy[top][mask & ~speckles] = 0.3, 0.7
    tidy = tidy_garments(replace(person, probabilities=noisy, labels=noisy.argmax(0).astype(np.uint8)))
    assert (tidy.labels[mask] == top).mean() > 0.97
    assert ((tidy.labels == bottom) == (person.labels == bottom)).mean() > 0.99
    assert np.allclose(tidy.probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(tidy.probabilities[:3], noisy[:3])


def test_garments_that_are_sure_stay_as_they_are():
    person = subject(figure(), 2).outfit
    assert (tidy_garments(person).labels == person.labels).mean() > 0.99


def test_choice_of_garments_keeps_the_order_and_drops_doubles():
    person, source = subject(figure()), subject(figure(GREEN))
    assert list(choose_garments(person, source, ("bottom", "top", "top"))) == ["bottom", "top"]
