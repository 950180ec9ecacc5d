"""`sunlake doctor`: try everything that an export needs, and say what to mend."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Frame, pass_frame

if TYPE_CHECKING:
    from pipeline.doctor import Finding

HELP = """Try keys, scopes, seeds, storage and what erasure needs, and say what to mend.

It makes a handful of calls that only read, and writes one file into the lake's own folder, which it removes again.

\b
Examples:
  sunlake doctor
  sunlake --config prod.toml doctor
"""


@click.command(help=HELP)
@pass_frame
def command(frame: Frame) -> int:
    """Check each thing and print one line about it."""
    from pipeline.doctor import check_app, check_storage
    from pipeline.privacy.checkup import check_privacy

    settings = frame.settings()
    findings = check_storage(settings)
    if all(finding.is_good for finding in findings):
        findings += check_privacy(settings)
    if not settings.apps:
        click.echo("app: none is configured; write sunlake.toml with `sunlake init`", err=True)
        _print(findings)
        return 1
    for app in settings.apps:
        findings += asyncio.run(check_app(settings, app))
    _print(findings)
    return 0 if all(finding.is_good for finding in findings) else 1


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.is_good else click.style("MEND", fg="red")
        click.echo(f"{mark}  {finding.what}: {finding.text}")
