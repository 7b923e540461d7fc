"""People in photos that are classified: ImageNet has no class for people, the segmenter has one."""

from __future__ import annotations

from functools import cache

from shared.recognition.classifier import Classification
from shared.recognition.segmentation import Segmentation
from shared.recognition.vocabulary.class_names import imagenet_names

#: Kinds of classes that people wear.
WEARABLE = {
    *("clothing", "garment", "headdress", "footwear", "attire", "neckwear", "hosiery", "jewelry"),
    "spectacles",
}
# Smallest part of the image that a person covers. Of 2,000 photos of Flickr8k (dev and test) 281 have a
# garment as their likeliest class; the segmenter sees a person of this size in 247 of them, and captions of
# all 247 name one.
# Of 400 photos of the dev set, of any class, it sees one in 203; captions of all name people.
MIN_AREA = 0.1
#: Probability from which on the likeliest class is what the photo is about, even if somebody is in it.
SURE = 0.9


def is_garment(result: Classification) -> bool:
    """Return True if the likeliest class is something that people wear."""
    return result.predictions[0].synset in _garments()


def may_hide_people(result: Classification) -> bool:
    """Return True if people may be what the likeliest class of ImageNet leaves out.

    That is so where it is a garment, and where the network is not sure. Labels of a visitor's own, which have
    no synset, may name people themselves.
    """
    best = result.predictions[0]
    return best.synset is not None and (best.probability < SURE or is_garment(result))


def shows_person(segmentation: Segmentation) -> bool:
    """Return True if a person covers at least `MIN_AREA` of the image."""
    return any(
        region.label == "person" and region.area_fraction >= MIN_AREA for region in segmentation.regions
    )


def summary(result: Classification, segmentation: Segmentation) -> str:
    """Return a line of words on an image: people, the likeliest class, and the regions with their areas."""
    person = ["a person"] if may_hide_people(result) and shows_person(segmentation) else []
    return " · ".join([*person, result.summary, segmentation.summary])


@cache
def _garments() -> frozenset[str | None]:
    """Return the synsets of the classes that people wear."""
    return frozenset(
        name.synset for name in imagenet_names().values() if not WEARABLE.isdisjoint({name.kind, *name.kinds})
    )
