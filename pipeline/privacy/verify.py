"""Whether what was done still holds: the ledger of deeds is whole, nobody is back, and no batch stands open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.lake.repair import apps_of
from pipeline.privacy.back.come_back import Back, come_back
from pipeline.privacy.back.expired import expired_again
from pipeline.privacy.deeds.chain import Problem
from pipeline.privacy.deeds.head import Head
from pipeline.privacy.desk import Desk
from pipeline.privacy.requests.store import list_batches, open_work
from pipeline.privacy.requests.work import is_confirmed
from pipeline.privacy.rewrite.whole_batch import REWRITTEN
from pipeline.privacy.scan.of_batch import prove
from pipeline.privacy.wording import counted


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found. `back` is by app; `open_batches` says of each batch that is not closed what a scan showed.

    `expired` counts messages below the retention floors.
    """

    deeds: int
    head: Head
    problems: Sequence[Problem]
    back: Sequence[Back]
    expired: int
    open_batches: dict[str, str] = field(default_factory=dict)

    @property
    def is_anybody_back(self) -> bool:
        """Whether there is something to be erased again."""
        return any(each.subjects for each in self.back)

    @property
    def stored(self) -> int:
        """How many ids of the erased the lake and the ledger hold."""
        return sum(each.stored for each in self.back)

    @property
    def mentions(self) -> int:
        """How many rows of others say of them what was redacted once."""
        return sum(each.mentions for each in self.back)

    @property
    def computed(self) -> int:
        """How many ids of them the models hold."""
        return sum(each.computed for each in self.back)

    @property
    def exit_code(self) -> int:
        """0 all holds, 1 something does not, 3 a batch is open."""
        if self.problems or self.is_anybody_back or self.expired:
            return 1
        return 3 if self.open_batches else 0


def verify_all(desk: Desk) -> Verified:
    """Look at everything again; nothing is changed.

    Raises:
        LakeError, PrivacyKeyError: it can't be found out.
    """
    head, app_ids = desk.deeds.head(), apps_of(desk.lake)
    return Verified(
        deeds=sum(1 for _ in desk.deeds.read()),
        head=head,
        problems=desk.deeds.verify(),
        back=[come_back(desk, app_id) for app_id in app_ids],
        expired=sum(expired_again(desk.lake, app_id) for app_id in app_ids),
        open_batches=_open_batches(desk),
    )


def _open_batches(desk: Desk) -> dict[str, str]:
    found = {}
    for batch in list_batches(desk.lake):
        if batch.state == "closed" or not is_confirmed(desk, batch):
            continue
        _, subjects, source = open_work(batch, wrapping_key=desk.keyring.subkey("work"))
        wanted = [subject for subject in subjects if subject.action in REWRITTEN]
        report = prove(desk, wanted, source=source)
        found[batch.batch_id] = f"the scan is {report.verdict}, {counted(report.residual, 'trace')}"
    return found
