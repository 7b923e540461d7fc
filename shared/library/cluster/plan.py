"""Plan of a large library: hours, bytes and cost from what was measured on one node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Plan that assumes that nodes work side by side without waiting, for each other or for their photos.

    Attributes:
        photos: Number of photos.
        nodes: Number of nodes.
        photos_per_second: Photos that one node describes in a second.
        kilobytes: Size of a photo's row in the library.
        cost: Cost of a node for an hour, in any currency.
    """

    photos: float
    nodes: int
    photos_per_second: float
    kilobytes: float
    cost: float = 0.0

    @property
    def hours(self) -> float:
        """Hours until all photos are described."""
        return self.photos / (self.nodes * self.photos_per_second) / 3600

    @property
    def terabytes(self) -> float:
        """Size of the library in terabytes of 10^12 bytes."""
        return self.photos * self.kilobytes / 1e9

    @property
    def megabytes_per_second(self) -> float:
        """Rows that come back to the writing process, in megabytes per second."""
        return self.nodes * self.photos_per_second * self.kilobytes / 1e3

    def text(self) -> str:
        """Return the plan as lines for people.

        >>> print(Plan(1e6, 10, 5.0, 20.0, cost=1.5).text())
        1,000,000 photos on 10 nodes: 5.6 hours, 56 node-hours, cost 83
        library: 0.02 TB; to the writing process: 50 photos and 1.0 MB per second
        """
        node_hours = self.hours * self.nodes
        rate = self.nodes * self.photos_per_second
        cost = f", cost {node_hours * self.cost:,.0f}" if self.cost else ""
        return (
            f"{self.photos:,.0f} photos on {self.nodes:,} nodes: {self.hours:,.1f} hours, "
            f"{node_hours:,.0f} node-hours{cost}\n"
            f"library: {self.terabytes:,.2f} TB; to the writing process: {rate:,.0f} photos and "
            f"{self.megabytes_per_second:,.1f} MB per second"
        )
