import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.core.images import ImageError
from shared.networks.pose import JOINTS, MIRRORED, PoseNetwork
from shared.restyle.pose.benchmarks.agreement import evaluate, torso_of
from shared.restyle.pose.crops import HEIGHT, WIDTH, Crop
from shared.restyle.pose.estimator import PoseEstimator, box_of
from shared.restyle.pose.skeleton import LIMBS, MIN_SCORE, Joint, Pose
from shared.restyle.pose.training.batches import draw_crop, make_batch
from shared.restyle.pose.training.examples import PoseExample, read_examples, store_example
from shared.restyle.pose.training.labels import stored_names
from shared.restyle.pose.training.teachers import ABSENT, UNKNOWN, VISIBLE, Joints
from tests.predictors import SIZES, astronaut, with_random_weights


@pytest.fixture(scope="module")
def estimator() -> PoseEstimator:
    return PoseEstimator(with_random_weights(PoseNetwork()).eval())


@pytest.fixture
def joints() -> Joints:
    points = np.column_stack([np.linspace(40, 60, 17), np.linspace(20, 180, 17)]).astype(np.float32)
    states = np.full(17, VISIBLE, np.int8)
    states[3], states[16] = UNKNOWN, ABSENT
    return Joints((30.0, 10.0, 70.0, 190.0), points, states)


@pytest.fixture
def example(joints) -> PoseExample:
    return PoseExample("someone", astronaut(100, 200), joints)


@pytest.fixture
def pose() -> Pose:
    rows = [Joint(name, 10.0 * index, 5.0 * index, index / 16) for index, name in enumerate(JOINTS)]
    return Pose(Image.new("RGB", (200, 100), "grey"), rows, (0, 0, 200, 100), 0.0567)


def test_a_person_has_several_joints_in_sight(pose):
    assert pose.has_person
    assert not replace(pose, joints=[replace(joint, score=0.04) for joint in pose.joints]).has_person


@pytest.mark.parametrize(
    "crop", [Crop(30, 40, 1.5), Crop(30, 40, 0.4, 0.7), Crop(5, 9, 2, -0.3, (64, 64), True)]
)
def test_points_go_to_the_crop_and_back(crop):
    points = np.array([[0.0, 0.0], [31.5, 12.0], [200.0, -3.0]])
    assert np.allclose(crop.from_image(crop.to_image(points)), points)
    middle = np.array([[crop.size[0] / 2, crop.size[1] / 2]])
    assert np.allclose(crop.to_image(middle), [[crop.x, crop.y]])


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0, 9.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_crop_shows_the_pixels_at_its_points(scale, mirrored):
    image = Image.new("RGB", (2400, 2400))
    image.paste("white", (1400, 700, 1500, 800))
    crop = Crop(1200, 1200, scale * 10, 0.4, (240, 240), mirrored)
    bright = np.argwhere(np.asarray(crop.cut(image))[..., 0] > 128)
    if len(bright):
        center = crop.to_image(bright.mean(0)[None, ::-1] + 0.5)
        assert np.allclose(center, [[1450, 750]], atol=scale * 10)
    else:
        assert scale > 4  # too small to be seen


def test_crop_is_grey_outside_the_image():
    cut = Crop.around((0, 0, 10, 10), margin=3).cut(Image.new("RGB", (10, 10), "red"))
    assert cut.size == (WIDTH, HEIGHT)
    assert cut.getpixel((0, 0)) == (128, 128, 128)
    assert cut.getpixel((WIDTH // 2, HEIGHT // 2)) == (255, 0, 0)


def test_crop_around_a_box_contains_it():
    crop = Crop.around((10, 20, 50, 180), margin=1.25)
    corners = crop.from_image(np.array([[10.0, 20.0], [50.0, 180.0]]))
    assert (corners >= 0).all()
    assert (corners <= (WIDTH, HEIGHT)).all()
    assert corners[1, 1] - corners[0, 1] == pytest.approx(HEIGHT / 1.25)


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_accepted(estimator, size):
    pose = estimator(astronaut(*size))
    assert [joint.name for joint in pose.joints] == list(JOINTS)
    assert all(0 <= joint.score <= 1 for joint in pose.joints)
    assert pose.overlay().mode == "RGB"


def test_mirror_image_has_the_mirrored_pose():
    torch.manual_seed(0)
    estimator = PoseEstimator(PoseNetwork().eval())  # its maps do not saturate: each has one peak
    image, box = astronaut(300, 400), (90, 120, 210, 280)  # no grey border, where all is alike
    pose = estimator(image, box)
    mirrored = estimator(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), box)
    for index, joint in enumerate(pose.joints):
        twin = mirrored.joints[MIRRORED[index]]
        assert joint.score == pytest.approx(twin.score, abs=1e-3)
        assert joint.x == pytest.approx(300 - twin.x, abs=0.5)


@pytest.mark.parametrize("box", [(200, 0, 300, 50), (10, 10, 10, 40), (40, 40, 10, 90)])
def test_box_outside_the_picture_is_refused(estimator, box):
    with pytest.raises(ImageError, match="must lie in the picture"):
        estimator(astronaut(100, 100), box)


def test_box_of_joints_needs_some_in_sight():
    rows = np.column_stack([np.linspace(20, 60, 17), np.linspace(10, 90, 17), np.full(17, 0.9)])
    left, top, right, bottom = box_of(rows, (100, 100))
    assert left < 20 < 60 < right
    assert top < 10 < 90 < bottom
    rows[3:, 2] = 0.1
    assert box_of(rows, (100, 80)) == (0, 0, 100, 80)


def test_weights_round_trip(tmp_path, estimator):
    weights.save(estimator.network, tmp_path / "weights")
    loaded = PoseEstimator.load(folder=tmp_path / "weights", device="cpu")
    image = astronaut(96, 128)
    scores = [[joint.score for joint in find(image).joints] for find in (loaded, estimator)]
    assert np.allclose(*scores, atol=0.05)


def test_overlay_draws_only_joints_in_sight(pose):
    drawn = np.asarray(pose.overlay())
    assert (drawn[60, 120] != 128).any()
    assert (drawn[5, 10] == 128).all()
    hidden = replace(pose, joints=[replace(joint, score=0.0) for joint in pose.joints])
    assert (np.asarray(hidden.overlay()) == 128).all()


def test_pose_describes_and_saves_itself(pose):
    description = pose.as_dict()
    assert description["joints"][16] == {
        "name": "right_ankle",
        "x": 160.0,
        "y": 80.0,
        "score": 1.0,
        "visible": True,
    }
    assert description["seconds"] == 0.057
    assert len(pose.visible()) == sum(index / 16 >= MIN_SCORE for index in range(17))
    assert set(pose.files()) == {".pose.png"}
    assert {name for limb in LIMBS for name in limb} == {*JOINTS}


def test_examples_are_stored_in_pixels_of_the_part(tmp_path, joints):
    image = Image.new("RGB", (1000, 1500))
    shift = np.array([400, 600], np.float32)
    box = tuple(np.reshape(joints.box, (2, 2)) + shift)
    far = Joints((*box[0], *box[1]), joints.points + shift, joints.states)
    store_example(tmp_path, "someone", image, far)
    (stored,) = read_examples(tmp_path)
    assert stored_names(tmp_path) == {"someone"}
    assert max(stored.image.size) <= 420
    distance = np.linalg.norm(stored.joints.points[0] - stored.joints.points[16])
    assert distance == pytest.approx(np.linalg.norm(joints.points[0] - joints.points[16]), rel=0.02)
    assert stored.joints.states.tolist() == joints.states.tolist()


def test_folder_without_examples_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no examples"):
        read_examples(tmp_path)


def test_crops_weigh_joints_by_what_is_known(example):
    _, rows, joint_weights = draw_crop(example, np.random.default_rng(3))
    assert rows.shape == (17, 3)
    assert sorted(set(joint_weights.tolist())) == [0.0, 0.5, 1.0]
    assert rows[joint_weights == 0, 2].max() == 0


def test_batches_repeat_with_their_seed(example):
    images, maps, joint_weights = make_batch([example], 2, np.random.default_rng(5))
    again, _, _ = make_batch([example], 2, np.random.default_rng(5))
    assert images.shape == (2, 3, HEIGHT, WIDTH)
    assert maps.shape == (2, 17, HEIGHT // 4, WIDTH // 4)
    assert joint_weights.shape == (2, 17)
    assert torch.equal(images, again)


def test_torso_is_measured_across(joints):
    assert torso_of(joints) == pytest.approx(np.linalg.norm(joints.points[5] - joints.points[12]))
    lost = joints._replace(states=np.full(17, UNKNOWN, np.int8))
    assert torso_of(lost) == 45


class PerfectEstimator:
    """Stands for an estimator that knows the joints."""

    def __init__(self, joints: Joints, shift: float = 0.0) -> None:
        self.points = joints.points + shift

    def __call__(self, image, box=None) -> Pose:
        rows = [Joint(name, *map(float, point), 1.0) for name, point in zip(JOINTS, self.points, strict=True)]
        return Pose(image, rows, (0, 0, 1, 1), 0.0)


def test_agreement_counts_visible_joints(example):
    figures = evaluate(PerfectEstimator(example.joints), [example])
    assert figures["PCK@0.1"] == figures["PCK@0.1_head"] == 1
    far = evaluate(PerfectEstimator(example.joints, 0.15 * torso_of(example.joints) / np.sqrt(2)), [example])
    assert far["PCK@0.1"] == 0
    assert far["PCK@0.2"] == 1
    assert json.dumps(figures)
