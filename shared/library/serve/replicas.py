"""Replicas of a library's search on Ray Serve, each a process with the models in memory.

The pages stay one process, since queue, sessions and galleries of Gradio live in it; it reads photos and
thumbnails itself, and has the replicas encode queries and search.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import ray
from PIL import Image
from ray import serve
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from shared.core.images import shrink
from shared.library.describe import content_digest
from shared.library.errors import LibraryError
from shared.library.results import LibraryHits
from shared.library.serve.searcher import Searcher
from shared.library.tabs.shared_library import SharedLibrary
from shared.ui.events import Concurrency

#: Queries that a replica has at a time: one is ready when the other is answered.
QUERIES_PER_REPLICA = 2
#: Seconds after which a query fails, and replicas that may die while they answer it.
TIMEOUT, ATTEMPTS = 60, 3
#: Longest side of a query image on its way to a replica, several times that of the networks' inputs.
QUERY_SIDE = 2048

BUSY = "Too many people search the photo library just now: please try again in a minute."
UNREACHABLE = "The photo library cannot be searched just now: please try again in a minute."

log = logging.getLogger("image_spaces")


@dataclass(frozen=True)
class Replicas:
    """Replicas of a search.

    Attributes:
        count: Number of replicas.
        cpus: Cores of each, which may be a fraction.
        gpus: GPUs of each, which may be a fraction.
    """

    count: int = 1
    cpus: float = 1.0
    gpus: float = 0.0


class ReplicatedSearch:
    """Search that hands each query to a replica. Calls may come from many threads at once.

    Args:
        handle: Handle of the replicas.
    """

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle

    def __call__(self, image: Image.Image | None, text: str, top_k: int, where: str | None) -> LibraryHits:
        """Return the hits of a query, see `Library.search`; if its replica dies, another one answers it.

        Raises:
            LibraryError: No replica can answer, or too many queries wait; or see `Library.search`.
        """
        image = None if image is None else shrink(image, QUERY_SIDE)
        try:
            answer = self._ask(image, text, top_k, where)
        except BackPressureError as error:
            raise LibraryError(BUSY) from error
        except RayTaskError:  # a fault of the search, which the log shows
            raise
        except (RayError, RayServeException, TimeoutError) as error:
            log.warning("No replica has answered a search of the photo library: %r", error)
            raise LibraryError(UNREACHABLE) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _ask(
        self, image: Image.Image | None, text: str, top_k: int, where: str | None
    ) -> LibraryHits | Exception:
        def ask() -> LibraryHits | Exception:
            return self._handle.search.remote(image, text, top_k, where).result(timeout_s=TIMEOUT)

        for _ in range(ATTEMPTS - 1):
            with suppress(RayActorError):
                return ask()
        return ask()


@contextmanager
def replicated_search(library: SharedLibrary, replicas: Replicas) -> Iterator[None]:
    """Let replicas on the cluster, to which this process is connected, answer a library's searches.

    They are ready when the block begins, and are told to end when it ends. Replicas of the same library that
    a killed process has left on the cluster are replaced.

    Raises:
        LibraryError: The cluster has no room for them, or they cannot start.
    """
    check_room(replicas)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(proxy_location="Disabled")
    application = f"library-{content_digest(library.uri.encode())[:8]}"
    deployment = serve.deployment(
        num_replicas=replicas.count,
        max_ongoing_requests=QUERIES_PER_REPLICA,
        max_queued_requests=QUERIES_PER_REPLICA * replicas.count,
        max_constructor_retry_count=3,
        ray_actor_options={"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
    )(Searcher)
    try:
        try:
            handle = serve.run(deployment.bind(library.uri), name=application, route_prefix=None)
        except RuntimeError as error:
            raise LibraryError(
                "The replicas of the photo library do not start: "
                "their logs, in the folder logs/serve of Ray's session, say why."
            ) from error
        library.remote_search = ReplicatedSearch(handle)
        library.concurrency = Concurrency("library", QUERIES_PER_REPLICA * replicas.count)
        yield
    finally:
        with suppress(RayError, RayServeException):  # the cluster may have ended before
            serve.delete(application, _blocking=False)


def check_room(replicas: Replicas) -> None:
    """Check that the nodes of the cluster have room for some replicas together.

    Raises:
        LibraryError: They have not, so that the replicas would never start.
    """
    resources = ray.cluster_resources()
    for name, unit, amount in (("CPU", "cores", replicas.cpus), ("GPU", "GPUs", replicas.gpus)):
        total = resources.get(name, 0)
        if replicas.count * amount > total:
            raise LibraryError(
                f"{replicas.count} replicas need {replicas.count * amount:g} {unit}, and the cluster has "
                f"{total:g}: start fewer, or give each less, such as --{name.lower()}s 0.5."
            )
