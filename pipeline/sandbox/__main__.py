"""`python -m pipeline.sandbox`: serves worlds on a loopback port and prints one JSON line when it is ready."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from pipeline.errors import SunlakeError
from pipeline.sandbox.behaviour import read_behaviour
from pipeline.sandbox.choices import FAULTS, QUESTIONS, WORLDS
from pipeline.sandbox.faults import read_fault
from pipeline.sandbox.rendered import DEFAULT_LIMIT
from pipeline.sandbox.server import serve, usual_faults

MIB = 1024 * 1024
_EPILOG = f"""\
worlds:
{WORLDS}
faults (--fault KIND:NAME=VALUE,...):
{FAULTS}
open questions of the specification (--behaviour NAME=VALUE):
{QUESTIONS}"""


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        faults = usual_faults(latency_ms=options.latency_ms, rate_limit=options.rate_limit)
        serve(
            options.world,
            port=options.port,
            faults=faults + [read_fault(spec) for spec in options.fault],
            behaviour=read_behaviour(options.behaviour),
            seed=options.seed,
            cache_bytes=options.cache_mib * MIB,
            on_ready=partial(print, flush=True),
            until_stdin_ends=options.until_stdin_ends,
        )
    except SunlakeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.sandbox",
        description="A local Sunshine Conversations API.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--world", action="append", required=True, metavar="SPEC", help="what to serve; one app each time it is given"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument(
        "--latency-ms", type=float, default=0, metavar="MS", help="let every call take at least so long"
    )
    parser.add_argument(
        "--rate-limit", type=float, default=0, metavar="RATE", help="answer 429 above so many calls a second and key"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="SPEC", help="let calls fail; may be given again"
    )
    parser.add_argument(
        "--behaviour", action="append", default=[], metavar="NAME=VALUE", help="decide an open question"
    )
    parser.add_argument("--seed", type=int, default=0, help="makes faults repeatable (default: 0)")
    parser.add_argument(
        "--cache-mib",
        type=int,
        default=DEFAULT_LIMIT // MIB,
        metavar="MIB",
        help="rendered pages kept (default: 256)",
    )
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
