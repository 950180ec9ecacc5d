"""`sunlake erase expire`: what is too old, or gone upstream, leaves the lake."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.privacy.wording import counted

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.config import Settings
    from pipeline.privacy.retention.expire import ExpiryPreview

HELP = """Remove what is older than an age, and what Sunshine Conversations no longer has.

Without --apply it only counts. What becomes of users, conversations and messages that are gone upstream is set under
[privacy] retention in sunlake.toml. Of a lake in a bucket, all older versions of its objects go as well. What has
expired is never exported again; a conversation in which something new is said comes back with that alone. It may be
killed at any instant; run it again, and it goes on.

\b
Examples:
  sunlake erase expire --older-than 24m            count what is older than 24 months
  sunlake erase expire --older-than 24m --apply    remove it
  sunlake erase expire --apply                     only what is gone upstream
"""


@click.command(help=HELP)
@click.option("--older-than", metavar="AGE", help="Such as 30d, 24m or 2y; by default age does not matter.")
@click.option("--app", "app_ids", multiple=True, metavar="ID", help="Only this app; may be given several times.")
@click.option("--apply/--preview", "is_applied", default=False, help="Remove it, or only count (default).")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@pass_frame
def command(frame: Frame, older_than: str | None, app_ids: Sequence[str], *, is_applied: bool, as_json: bool) -> int:
    """Count or remove, and print how much."""
    from datetime import UTC, datetime

    from pipeline.errors import UsageError
    from pipeline.lake.layout import open_lake
    from pipeline.lake.repair import apps_of
    from pipeline.privacy.retention.age import read_age

    before = None if older_than is None else read_age(older_than).before(datetime.now(UTC))
    settings = frame.settings()
    known = apps_of(open_lake(settings.place, create=False))
    unknown = [app_id for app_id in app_ids if app_id not in known]
    if unknown:
        raise UsageError(f"the lake holds no app {', '.join(unknown)}; it holds {', '.join(known) or 'none'}")
    run = _apply if is_applied else _preview
    return run(settings, before, app_ids or known, as_json=as_json)


def _preview(settings: Settings, before: datetime | None, app_ids: Sequence[str], *, as_json: bool) -> int:
    import msgspec

    from pipeline.cli.output import print_table
    from pipeline.lake.layout import open_lake
    from pipeline.privacy.retention.expire import preview_expiry
    from pipeline.privacy.retention.expiring import read_retention
    from pipeline.walk.ledger import open_ledger

    lake = open_lake(settings.place, create=False)
    ledger = open_ledger(settings.ledger_url or lake.default_ledger_url)
    retention = read_retention(msgspec.structs.asdict(settings.privacy.retention))
    try:
        found = [preview_expiry(lake, ledger, app_id, before=before, retention=retention) for app_id in app_ids]
    finally:
        ledger.close()
    if as_json:
        _print_json([msgspec.to_builtins(preview) | {"rows": preview.rows} for preview in found])
        return 0
    columns = ["app", "table", "rows that go", "quotes erased", "files to rewrite", "files"]
    print_table(columns, [row for preview in found for row in _rows(preview)], right=columns[2:])
    for preview in found:
        if preview.undated:
            undated = f"{counted(preview.undated, 'message')} without a moment, which never expire by age"
            click.echo(f"app {preview.app_id}: {undated}")
    rows = sum(preview.rows for preview in found)
    told = f"{counted(rows, 'row')} would go; nothing was changed. Add --apply to remove what would go"
    click.echo(told if rows else "nothing to do")
    return 0


def _rows(preview: ExpiryPreview) -> list[list[object]]:
    return [
        [preview.app_id, name, count.rows, count.quotes, count.files, count.files_read]
        for name, count in preview.tables.items()
    ]


def _apply(settings: Settings, before: datetime | None, app_ids: Sequence[str], *, as_json: bool) -> int:
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.retention.run import run_expiry

    with open_desk(settings) as desk:
        done = run_expiry(desk, before=before, app_ids=app_ids)
    if as_json:
        facts = {"batch": done.batch_id, "rows": done.rows, "removed": dict(done.lake.removed)}
        _print_json(facts | {"files": done.lake.touched, "models": done.models, "problem": done.problem})
    else:
        rows, files = counted(sum(done.rows.values()), "row"), counted(done.lake.touched, "file")
        click.echo(f"{rows} gone, {files} rewritten or removed")
        if not done.lake.older.is_empty:
            click.echo(f"removed from the store for good: {done.lake.older.words}")
        if done.models is not None:
            click.echo(f"{counted(done.models, 'model')} built anew")
        click.echo(f"recorded as {done.batch_id}")
    if done.problem is not None:
        click.echo(f"not complete: {done.problem}", err=True)
    return done.exit_code


def _print_json(value: object) -> None:
    import msgspec

    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
