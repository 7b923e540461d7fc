"""Weights of ours that were fitted to a network of the Hub: they name it, and serve no other one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from shared.core import weights
from shared.core.downloads.checksums import file_sha256
from shared.core.engines import Engine


def network_keys(engine: Engine[Any], folder: Path) -> dict[str, Any]:
    """Return the keys by which the `config.json` of fitted weights names its network.

    Args:
        engine: Row of the network.
        folder: Folder of its files.

    Returns:
        `repository`; `revision`, the commit, or that of the row for files outside the cache of the Hub (None
        if it has none); `network`, the digest of its weights.
    """
    revision = folder.name if folder.parent.name == "snapshots" else engine.revision
    return {"repository": engine.weights, "revision": revision, "network": network_digest(folder)}


def network_digest(folder: Path) -> str:
    """Return the SHA-256 of the checksums of all weight files of a network of the Hub."""
    checksums = [file_sha256(file) for file in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(checksums).encode()).hexdigest()


def check_network(fitted: Path, engine: Engine[Any], folder: Path) -> None:
    """Check that weights were fitted to a network.

    Args:
        fitted: Weight folder.
        engine: Row of the network.
        folder: Folder of its files.

    Raises:
        WeightsError: They were fitted to another repository, or to another version of its weights.
    """
    config, keys = weights.read_config(fitted), network_keys(engine, folder)
    repository = config.get("repository")
    if repository != keys["repository"]:
        raise weights.WeightsError(
            f"The weights {fitted.name} were fitted to {repository}, not to {keys['repository']}: fit new "
            "ones."
        )
    if config.get("network") != keys["network"]:
        raise weights.WeightsError(
            f"The weights {fitted.name} were fitted to another version of {repository} "
            f"({config.get('revision')}, not {keys['revision']}): fit new ones."
        )
