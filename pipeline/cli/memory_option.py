"""The option of commands that compute: how much memory DuckDB may use."""

from __future__ import annotations

import re
from typing import Final

import click

LEAST_BYTES: Final = 256 << 20
"""Below this, DuckDB has no room for the threads' own buffers."""

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])(I?)B", re.IGNORECASE)
_POWERS: Final = {"K": 1, "M": 2, "G": 3, "T": 4}


class _Size(click.ParamType[str]):
    name = "size"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no amount of memory; write it like 2GB or 800MB", param, ctx)
        number, unit, binary = found.groups()
        size = float(number) * (1024 if binary else 1000) ** _POWERS[unit.upper()]
        if size < LEAST_BYTES:
            self.fail(f"{value} is too little; give at least 256MiB", param, ctx)
        return value.strip()


memory_option = click.option(
    "--memory-limit",
    type=_Size(),
    default="2GB",
    show_default=True,
    metavar="SIZE",
    help="What DuckDB may use, such as 2GB or 800MB; beyond it, it uses the disk.",
)
