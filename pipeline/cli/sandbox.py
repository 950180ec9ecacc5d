"""`sunlake sandbox`: a local Sunshine Conversations API to try things on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.sandbox.behaviour import Behaviour


@click.group("sandbox")
def command() -> None:
    """A local Sunshine Conversations API, with real or generated conversations and faults on demand."""


@command.command("serve")
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
@click.option("--fault", "faults", multiple=True, metavar="KIND:NAME=VALUE,...", help="Let calls fail.")
@click.option("--behaviour", multiple=True, metavar="NAME=VALUE", help="Decide what the specification leaves open.")
@click.option("--seed", default=0, show_default=True, help="Makes faults repeatable.")
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
) -> None:
    """Serve worlds until interrupted. The first line printed is JSON: the base URL, the apps and their keys.

    \b
    Worlds:
      chitchat                    7,168 real conversations; chitchat:200 takes the first 200
      synthetic:seed=7,size=1000  generated conversations
      recorded:FILE               JSON Lines as GET /_control/world writes them

    \b
    Examples:
      sunlake sandbox serve
      sunlake sandbox serve --world chitchat:200 --port 8080 --rate-limit 20
      sunlake sandbox serve --world synthetic:seed=7,size=1000 --fault status:status=503,probability=0.1
      sunlake sandbox serve --behaviour deleted_message=placeholder

    Faults are listed by `python -m pipeline.sandbox --help`.
    """
    from pipeline.sandbox.faults import read_fault
    from pipeline.sandbox.server import serve as run_server
    from pipeline.sandbox.server import usual_faults

    run_server(
        worlds,
        host=host,
        port=port,
        faults=[*usual_faults(latency_ms=latency_ms, rate_limit=rate_limit), *map(read_fault, faults)],
        behaviour=_behaviour(behaviour),
        seed=seed,
        on_ready=partial(print, flush=True),
    )


def _behaviour(pairs: tuple[str, ...]) -> Behaviour:
    import msgspec

    from pipeline.sandbox.behaviour import Behaviour

    values = dict(pair.partition("=")[::2] for pair in pairs)
    try:
        return msgspec.convert(values, Behaviour, strict=False)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error), param_hint="--behaviour") from None
