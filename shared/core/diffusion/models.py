"""Models on the Hub that several capabilities use; `docs/hub-models.md` says why these."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.hub_networks.revisions import pinned

FLUX2_KLEIN_REPOSITORY = "black-forest-labs/FLUX.2-klein-4B"


@dataclass(frozen=True)
class HubModel:
    """Model on the Hub.

    Attributes:
        repository: Name of its repository.
        revision: Commit of the repository.
        licence: SPDX identifier of the weights' licence.
        parameters: Number of weights.
        download_gb: Size of its files in gigabytes.
        gpu_gb: Memory of a GPU that holds all of it, in gigabytes.
        offload_gb: Memory of a GPU that holds its largest network, in gigabytes.
        cpu_gb: Main memory that it takes without a GPU, in gigabytes.
    """

    repository: str
    revision: str | None
    licence: str
    parameters: int
    download_gb: float
    gpu_gb: float
    offload_gb: float
    cpu_gb: float


FLUX2_KLEIN_4B = HubModel(
    repository=FLUX2_KLEIN_REPOSITORY,
    revision=pinned(FLUX2_KLEIN_REPOSITORY),
    licence="apache-2.0",
    parameters=7_982_058_787,
    download_gb=16.0,
    gpu_gb=19,
    offload_gb=12,
    cpu_gb=35,
)
