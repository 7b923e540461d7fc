"""Which engines find edges: one row each, in the order in which a page offers them.

A new engine is a new row. One whose network has the interface of `RDS` needs nothing else; another kind
gets its branch in `detector.EdgeDetector.load`.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Engine:
    """One way to find edges.

    Attributes: name: What code and the API call it. title: What people call it. line: What it is and what
        it costs, in one line. weights: Its weight folder (see `shared.core.weights.find`); None for an
        engine that has learned nothing. hub: Whether its weights come from the Hugging Face Hub when they
        are first needed.
    """

    name: str
    title: str
    line: str
    weights: str | None = None
    hub: bool = False


_ROWS = (
    Engine(
        name="rds",
        title="RDS",
        line="relaxed deep supervision, the best one here; 1 M parameters, works offline",
        weights="edges-rds",
    ),
    Engine(
        name="hed",
        title="HED",
        line="the same network with plain deep supervision, for comparison",
        weights="edges-hed",
    ),
    Engine(
        name="canny",
        title="Canny",
        line="the classical detector of 1986 at five scales; no learning, no idea of objects",
    ),
)

#: All engines by name; the first is the default.
ENGINES = MappingProxyType({engine.name: engine for engine in _ROWS})


def find_engine(name: str) -> Engine:
    """Looks an engine up.

    Raises:
        ValueError: There is no engine of that name.

    >>> find_engine("rds").weights
    'edges-rds'
    """
    if name not in ENGINES:
        raise ValueError(f"the engine must be one of {', '.join(ENGINES)}, received {name!r}")
    return ENGINES[name]
