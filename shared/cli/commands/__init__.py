"""Commands of the command line by name, in the order of the overview."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.cli.command import Command
from shared.cli.commands.cutout import CUTOUT
from shared.cli.commands.describe import DESCRIBE
from shared.cli.commands.edges import EDGES
from shared.cli.commands.library_changes import INDEX, REMOVE, STATS, UPDATE
from shared.cli.commands.library_search import DUPLICATES, FIND, SIMILAR
from shared.cli.commands.recognition import CLASSIFY, SEGMENT
from shared.cli.commands.serve import SERVE
from shared.cli.commands.translation import COLORIZE, DRAW, PAINT

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        command.name: command
        for command in (
            *(EDGES, DRAW, PAINT, COLORIZE, CUTOUT),
            *(CLASSIFY, SEGMENT, DESCRIBE),
            *(INDEX, FIND, SIMILAR, DUPLICATES, UPDATE, REMOVE, STATS),
            SERVE,
        )
    }
)
