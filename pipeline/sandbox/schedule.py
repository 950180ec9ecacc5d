"""Changes that happen in the middle of an export, after a given number of calls."""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.sandbox.apply import apply_change
from pipeline.sandbox.changes import Change
from pipeline.sandbox.service import Service


class Appointment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Changes to come.

    Attributes:
        after_calls: how many calls are answered first, from when this was scheduled; calls that a fault replaced do not
            count.
        route: count only this route, as in `GET /v2/apps/{appId}`; empty: all.
        changes: what happens right after the last of them.
    """

    after_calls: Annotated[int, msgspec.Meta(ge=1)]
    route: str = ""
    changes: list[Change]


class Schedule:
    """The appointments of one server."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._waiting: list[tuple[int, Appointment]] = []
        self.errors: list[str] = []

    def add(self, appointment: Appointment) -> None:
        """Wait for an appointment."""
        self._waiting.append((appointment.after_calls, appointment))

    def clear(self) -> None:
        """Forget all appointments."""
        self._waiting.clear()

    @property
    def waiting(self) -> list[Appointment]:
        """The appointments that have not come yet."""
        return [appointment for _, appointment in self._waiting]

    def answered(self, route: str) -> None:
        """Count a call, and let happen what is due."""
        if not self._waiting:
            return
        due: list[Appointment] = []
        later: list[tuple[int, Appointment]] = []
        for left, appointment in self._waiting:
            remaining = left - (appointment.route in {"", route})
            if remaining:
                later.append((remaining, appointment))
            else:
                due.append(appointment)
        self._waiting = later
        for appointment in due:
            self._happen(appointment)

    def _happen(self, appointment: Appointment) -> None:
        for change in appointment.changes:
            try:
                apply_change(self._service, change)
            except LookupError as error:
                self.errors.append(str(error))
