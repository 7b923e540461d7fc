import numpy as np
from PIL import Image

from shared.restyle.parsing.training.examples import BACKGROUND, PERSON, class_set
from shared.restyle.parsing.training.heads import HEAD_SETS, MIN_FACE, head_boxes, restrict_by_heads
from shared.restyle.parsing.training.teachers import People


def people_with_face(top: int, left: int, side: int, shape: tuple[int, int] = (120, 160)) -> People:
    """Return a person whose face is a square."""
    part = np.full(shape, 12, np.uint8)  # the torso
    part[top : top + side, left : left + side] = 0
    person = np.zeros(shape, np.float32)
    person[10:, 20:140] = 0.95
    return People(person, person > 0.5, part, np.full(shape, 0.9, np.float32))


def test_a_head_has_its_surroundings_and_stays_inside_the_photo():
    (box,) = head_boxes(people_with_face(20, 60, 30))
    assert box == (33, 0, 117, 77)


def test_a_tiny_face_is_left_alone():
    assert head_boxes(people_with_face(20, 60, MIN_FACE - 1)) == []


def test_only_people_are_narrowed_to_what_the_network_is_sure_of():
    people = people_with_face(20, 60, 30)
    image = Image.new("RGB", (160, 120))
    sets = np.where(people.deeplab, np.uint16(PERSON), np.uint16(BACKGROUND))
    sure = np.zeros((3, 77, 84), np.float32)
    sure[0, 20:50, 27:57] = 1  # skin
    sure[2, 0:20] = 1  # hair, also where nobody is

    narrowed = restrict_by_heads(sets, image, people, lambda crop: sure)
    assert narrowed[40, 80] == class_set(["skin"])
    assert narrowed[15, 80] == class_set(["hair"])
    assert narrowed[5, 80] == BACKGROUND
    assert narrowed[70, 80] == PERSON
    assert (sets[people.deeplab] == PERSON).all()  # the given sets are not changed


def test_specks_are_not_believed():
    people = people_with_face(20, 60, 30)
    sets = np.full((120, 160), PERSON, np.uint16)
    sure = np.zeros((3, 77, 84), np.float32)
    sure[1, 40:43, 40:43] = 1
    narrowed = restrict_by_heads(sets, Image.new("RGB", (160, 120)), people, lambda crop: sure)
    assert (narrowed == PERSON).all()
    assert HEAD_SETS[1] & class_set(["skin", "hair"]) == 0
