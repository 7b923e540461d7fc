"""RRF-Net on the frozen features of a public network of images and texts, as weights of their own."""

from __future__ import annotations

from shared.networks.crossmodal.rrf import RRFNet
from shared.networks.hub_mixin import HubMixin


class FrozenFeatureHead(
    RRFNet,
    HubMixin,
    pipeline_tag="zero-shot-image-classification",
    tags=["image-text-matching", "cross-modal-retrieval"],
):
    """RRF-Net whose inputs are features of length 1 of another network; see `RRFNet` for its arguments."""
