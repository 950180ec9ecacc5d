"""All places where sunlake may have written something of a person (gdpr.md, section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.lake.layout import Lake
from pipeline.privacy.scan.roots import Root


def places(
    lake: Lake,
    *,
    inputs: Iterable[Path] = (),
    access: Iterable[Path] = (),
    prefect_home: Path | None = None,
    ledger: Path | None = None,
    spool: Path | None = None,
    extra: Iterable[Path] = (),
    temporary: Path | None = None,
) -> list[Root]:
    """The roots of a batch's scan. The lake holds staging, quarantine, ledger, warehouse, caches, logs and marts.

    Of a lake in a bucket it is the state folder of this machine; see `objects` for the bucket itself.

    Args:
        lake: the lake.
        inputs: the files with the requests; they may be gone, and should be.
        access: copies that were written for people, and their folders.
        prefect_home: the scheduler's database and results.
        ledger: a ledger's file outside the lake.
        spool: where webhooks are received.
        extra: further folders from the settings; these must be there.
        temporary: where TMPDIR lets temporary files go; only this user's files in it are looked at. Without TMPDIR
            they go below the lake, and the system's own folder, in which others write, is no place of sunlake's.
    """
    roots = [Root(label="lake" if lake.is_here else "state", path=lake.here)]
    roots += _numbered("input", inputs)
    roots += _numbered("access", access)
    for label, path in (("prefect", prefect_home), ("ledger", ledger), ("spool", spool)):
        if path is not None:
            roots.append(Root(label=label, path=path, optional=True))
    roots += _numbered("extra", extra, optional=False)
    if temporary is not None:
        roots.append(Root(label="tmp", path=temporary, optional=True, owned_only=True, follow=False))
    return roots


def _numbered(label: str, paths: Iterable[Path], *, optional: bool = True) -> list[Root]:
    return [
        Root(label=f"{label}{number}", path=path, optional=optional)
        for number, path in enumerate(dict.fromkeys(paths), start=1)
    ]
