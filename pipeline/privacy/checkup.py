"""What `sunlake doctor` asks of erasure: the keys, the ledger of deeds, and the deadlines of open requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final

from pipeline.config import Settings, key_source
from pipeline.doctor import Finding
from pipeline.errors import SunlakeError
from pipeline.lake.history import History
from pipeline.lake.layout import Lake, open_lake
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.desk import open_desk
from pipeline.privacy.report.of_batch import all_statuses
from pipeline.privacy.requests.deadlines import Urgency
from pipeline.privacy.requests.holds import HoldLine, Holds
from pipeline.privacy.wording import counted
from pipeline.suppression.keys import Keyring, load_deeds_keyring, load_keyring
from pipeline.suppression.listing import load

PRIVACY_KEY: Final = "privacy key"
DEEDS_KEY: Final = "deeds key"


def check_privacy(settings: Settings) -> list[Finding]:
    """Try the keys of erasure and what rests on them; a lake that nobody was erased from needs none of it."""
    findings: list[Finding] = []
    try:
        findings.extend(_check(settings))
        if len(findings) > 1 and all(finding.is_good for finding in findings):
            findings += _check_deadlines(settings)
    except SunlakeError as error:
        findings.append(Finding("privacy", is_good=False, text=str(error)))
    return findings


def _check(settings: Settings) -> Iterator[Finding]:
    lake = open_lake(settings.place, create=False)
    privacy = settings.privacy
    sources = (
        key_source(privacy.key_env, privacy.key_file),
        key_source(privacy.deeds_key_env, privacy.deeds_key_file),
    )
    if not any(text or file for text, file in sources) and not _is_in_use(lake):
        text = "not set up; before anybody can be erased, run `sunlake erase keys`"
        yield Finding("privacy", is_good=True, text=text)
        return
    keys = [_try_key(PRIVACY_KEY, load_keyring, settings), _try_key(DEEDS_KEY, load_deeds_keyring, settings)]
    yield from keys
    if keys[0].is_good:
        yield from _check_suppressions(lake, load_keyring(settings))
    if keys[1].is_good:
        yield from _check_deeds(lake, load_deeds_keyring(settings))
    if not lake.is_here:
        yield _check_older(lake.store.history)


def _is_in_use(lake: Lake) -> bool:
    """Whether somebody was erased or kept out: then an export needs the key."""
    return not load(lake).is_empty or _has_deeds(lake)


def _has_deeds(lake: Lake) -> bool:
    return (lake.private / "privacy" / "deeds.jsonl").exists()


def _try_key(what: str, read: Callable[[Settings], Keyring], settings: Settings) -> Finding:
    try:
        keyring = read(settings)
    except SunlakeError as error:
        return Finding(what, is_good=False, text=str(error))
    return Finding(what, is_good=True, text=f"can be read; {keyring.key_id} is in use, {len(keyring.key_ids)} known")


def _check_suppressions(lake: Lake, keyring: Keyring) -> Iterator[Finding]:
    entries = load(lake).entries
    missing = sorted({entry.key_id for entry in entries} - set(keyring.key_ids))
    if missing:
        text = f"were made with {', '.join(missing)}, which is not among the keys; add it behind the newest"
        yield Finding("suppressions", is_good=False, text=text)
    elif entries:
        yield Finding("suppressions", is_good=True, text=f"{len(entries):,} can be matched")


def _check_deeds(lake: Lake, keyring: Keyring) -> Iterator[Finding]:
    if not _has_deeds(lake):
        return
    try:
        deeds = Deeds.open(lake, key=keyring.subkey("deeds"))
        problems = [str(problem) for problem in deeds.verify()]
    except SunlakeError as error:
        problems = [str(error)]
    text = "; ".join(problems[:3]) if problems else f"is whole, {counted(sum(1 for _ in deeds.read()), 'deed')}"
    yield Finding("ledger of deeds", is_good=not problems, text=text)


def _check_older(history: History) -> Finding:
    """Whether nothing of the erased would be left in the store."""
    try:
        notes, found = history.check(), history.survey()
    except SunlakeError as error:
        return Finding("older versions", is_good=False, text=str(error))
    text = f"can be removed; an erasure removes {found.versions:,} of {found.bytes:,} bytes"
    return Finding("older versions", is_good=True, text="; not reached: ".join([text, *notes]))


def _check_holds(holds: Sequence[HoldLine], *, today: date) -> Finding:
    """Whether somebody has to look again if people still need to be held."""
    due = [hold for hold in holds if hold.review_on is not None and hold.review_on <= today]
    text = f"{len(holds):,} in force"
    if due:
        batches = ", ".join(sorted({hold.batch for hold in due})[:3])
        text += f", {len(due):,} due for review, set by {batches}: release those that are no longer needed"
    return Finding("legal holds", is_good=not due, text=text)


def _check_deadlines(settings: Settings) -> Iterator[Finding]:
    with open_desk(settings) as desk:
        holds = Holds(desk.lake, desk.keyring).in_force()
        statuses = [status for status in all_statuses(desk) if status.state not in {"complete", "aborted"}]
    if holds:
        yield _check_holds(holds, today=datetime.now(UTC).date())
    for status in statuses:
        late = sum(request.urgency is Urgency.OVERDUE for request in status.warnings)
        text = f"{status.state}, {counted(len(status.requests), 'request')}"
        if status.warnings:
            soon = len(status.warnings) - late
            text += f", {late:,} overdue and {soon:,} due within a week; see `sunlake erase status`"
        yield Finding(f"batch {status.batch_id}", is_good=not status.warnings, text=text)
