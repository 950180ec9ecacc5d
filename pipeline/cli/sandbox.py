"""`sunlake sandbox`: a local Sunshine Conversations API to try things on."""

from __future__ import annotations

from functools import partial
from typing import Final

import click

from pipeline.sandbox.choices import FAULTS, QUESTIONS, WORLDS

MIB: Final = 1024 * 1024

HELP: Final = f"""Serve worlds until interrupted. The first line printed is JSON: the base URL, the apps and their keys.

\b
Worlds:
{WORLDS}
\b
Faults (--fault KIND:NAME=VALUE,...):
{FAULTS}
\b
Open questions of the specification (--behaviour NAME=VALUE):
{QUESTIONS}
\b
Examples:
  sunlake sandbox serve
  sunlake sandbox serve --world chitchat:200 --port 8080 --rate-limit 20
  sunlake sandbox serve --world synthetic:seed=7,size=1000 --fault status:status=503,probability=0.1
  sunlake sandbox serve --behaviour deleted_message=placeholder
"""


@click.group("sandbox")
def command() -> None:
    """A local Sunshine Conversations API, with real or generated conversations and faults on demand."""


@command.command("serve", help=HELP)
@click.option(
    "--world",
    "worlds",
    multiple=True,
    default=("chitchat",),
    show_default=True,
    metavar="SPEC",
    help="What to serve; one app each time it is given.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; by default any free one.")
@click.option(
    "--latency-ms", type=click.FloatRange(min=0), default=0, metavar="MS", help="Let every call take at least so long."
)
@click.option(
    "--rate-limit",
    type=click.FloatRange(min=0),
    default=0,
    metavar="RATE",
    help="Answer 429 above so many calls a second and key.",
)
@click.option(
    "--fault", "faults", multiple=True, metavar="KIND:NAME=VALUE,...", help="Let calls fail; may be given again."
)
@click.option("--behaviour", multiple=True, metavar="NAME=VALUE", help="Decide what the specification leaves open.")
@click.option("--seed", default=0, show_default=True, help="Makes faults repeatable.")
@click.option(
    "--cache-mib",
    type=click.IntRange(min=0),
    default=256,
    show_default=True,
    metavar="MIB",
    help="Rendered pages kept in memory.",
)
def serve(
    *,
    worlds: tuple[str, ...],
    host: str,
    port: int,
    latency_ms: float,
    rate_limit: float,
    faults: tuple[str, ...],
    behaviour: tuple[str, ...],
    seed: int,
    cache_mib: int,
) -> None:
    """Serve until interrupted; all that `python -m pipeline.sandbox` takes, but for its tie to standard input."""
    from pipeline.sandbox.behaviour import read_behaviour
    from pipeline.sandbox.faults import read_fault
    from pipeline.sandbox.server import serve as run_server
    from pipeline.sandbox.server import usual_faults

    run_server(
        worlds,
        host=host,
        port=port,
        faults=[*usual_faults(latency_ms=latency_ms, rate_limit=rate_limit), *map(read_fault, faults)],
        behaviour=read_behaviour(behaviour),
        seed=seed,
        cache_bytes=cache_mib * MIB,
        on_ready=partial(print, flush=True),
    )
