"""What every command gets: where the settings are, and how to speak."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.logs import LogFormat, setup_logging

if TYPE_CHECKING:
    from pipeline.config import Settings


@dataclass
class Frame:
    """The options that all commands share; `@pass_frame` hands it to a command."""

    config: Path | None = None
    log_format: LogFormat = "text"
    verbose: bool = False
    debug: bool = False
    stack: ExitStack = field(default_factory=ExitStack, repr=False)
    """Left when the command ends."""

    def settings(self) -> Settings:
        """The settings of `--config`, the environment and the working folder.

        From now on temporary files go below the lake that they name, where an erasure looks.

        Raises:
            ConfigError: a setting is missing or wrong.
        """
        from pipeline.config import load_settings
        from pipeline.lake.layout import Lake
        from pipeline.spill import temporary_files_in

        settings = load_settings(self.config)
        self.stack.enter_context(temporary_files_in(Lake(settings.place).private))
        return settings

    def start_logging(self) -> None:
        """Log as the options say."""
        setup_logging(self.log_format, verbose=self.verbose)


pass_frame = click.make_pass_decorator(Frame, ensure=True)


def shared_options(*, hidden: bool) -> list[click.Option]:
    """The options that may stand before and after a command's name.

    Args:
        hidden: whether `--help` leaves them out, as it does for the copies behind a command.
    """
    # A copy that was not given must not undo the other one, hence None as default throughout.
    return [
        click.Option(
            ["--config"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Settings file; by default SUNLAKE_CONFIG, else sunlake.toml.",
            expose_value=False,
            callback=_keep,
            hidden=hidden,
        ),
        click.Option(
            ["--log-format"],
            type=click.Choice(["text", "json"]),
            help="Log lines on stderr as text (default) or JSON.",
            expose_value=False,
            callback=_keep,
            hidden=hidden,
        ),
        _flag("--verbose", help="Log every step.", hidden=hidden),
        _flag("--debug", help="Show the call stack of an internal error.", hidden=hidden),
    ]


def _flag(name: str, *, help: str, hidden: bool) -> click.Option:  # noqa: A002 - click's own name for it
    return click.Option(
        [name], is_flag=True, default=None, help=help, expose_value=False, callback=_keep, hidden=hidden
    )


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value is not None and option.name is not None:
        frame = context.ensure_object(Frame)
        setattr(frame, option.name, value)
        frame.start_logging()
