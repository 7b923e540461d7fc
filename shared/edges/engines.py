"""Which engines find edges.

A new engine is a new row. One whose network has the interface of `RDS` needs nothing else; another kind gets
its branch in `detector.EdgeDetector.load`.
"""

from shared.core.engines import Engine, table

ENGINES = table(
    Engine(
        name="rds",
        title="RDS",
        description="relaxed deep supervision, the best one here; 1 M parameters, works offline",
        weights="edges-rds",
    ),
    Engine(
        name="hed",
        title="HED",
        description="the same network with plain deep supervision, for comparison",
        weights="edges-hed",
    ),
    Engine(
        name="fcfn",
        title="FCFN",
        description="fuses what its branches see before it scores them; 1 M parameters, works offline",
        weights="edges-fcfn",
    ),
    Engine(
        name="canny",
        title="Canny",
        description="the classical detector of 1986 at five scales; no learning, no idea of objects",
    ),
)
