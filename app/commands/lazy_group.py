"""Groups of commands whose modules are imported only when they are called."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class LazyCommand:
    """A command that is not imported yet: its module, its name there, and its line in the help."""

    module: str
    name: str = "command"
    help: str


class LazyGroup(click.Group):
    """A group that lists `lazy` commands without importing them, behind its own."""

    def __init__(
        self, name: str | None = None, *, lazy: Mapping[str, LazyCommand], **attributes: object
    ) -> None:
        super().__init__(name, **attributes)  # type: ignore[arg-type]
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which they were given."""
        return [*self.commands, *self._lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        wanted = self._lazy[cmd_name]
        command = getattr(importlib.import_module(wanted.module), wanted.name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and lines of help."""
        lines = [(name, one.get_short_help_str(limit=70)) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*lines, *((name, one.help) for name, one in self._lazy.items())])
