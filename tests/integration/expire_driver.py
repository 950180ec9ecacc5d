"""Runs `sunlake erase expire` in a process that dies at a chosen point (see `export_driver`)."""

from __future__ import annotations

import sys

from pipeline.cli.erase_expire import command
from pipeline.cli.failures import exit_code_of, message_of
from pipeline.errors import SunlakeError
from tests.integration.export_driver import watch_everything


def main() -> None:
    """Watch every operation, then run the command."""
    watch_everything()
    try:
        sys.exit(command.main(sys.argv[1:], prog_name="expire", standalone_mode=False))
    except SunlakeError as error:
        print(message_of(error), file=sys.stderr)
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
