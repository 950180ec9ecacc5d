"""A group of commands that are imported when they are called, so that `sunlake --help` starts at once."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module

import click

from pipeline.cli.frame import shared_options


class LazyGroup(click.Group):
    """A group that knows its commands by name, place ("module:attribute") and one line of help.

    Args:
        name: the group's name.
        places: where each command is, in the order of the help page.
        summaries: one line on each command.
        params: the group's own options.
        help: the text above the commands.
    """

    def __init__(
        self,
        name: str,
        *,
        places: Mapping[str, str],
        summaries: Mapping[str, str],
        params: list[click.Parameter],
        help: str,  # noqa: A002 - click's own name for it
    ) -> None:
        super().__init__(name, params=params, help=help, no_args_is_help=True)
        self._places = places
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command; the shared options may then stand behind its name, too."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        _share_options(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, or say which one may be."""
        name = args[0]
        if name not in self._places and not name.startswith("-") and not ctx.resilient_parsing:
            close = get_close_matches(name, self._places, n=1)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summaries[name]) for name in self._places])


def _share_options(command: click.Command) -> None:
    if isinstance(command, click.Group):
        for member in command.commands.values():
            _share_options(member)
        return
    taken = {text for param in command.params for text in param.opts}
    command.params += [option for option in shared_options(hidden=True) if taken.isdisjoint(option.opts)]
