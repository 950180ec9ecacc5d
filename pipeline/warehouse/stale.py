"""Which of the models after the conversations an incremental build has to compute, and for which local dates."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from pipeline.warehouse.changed import LOCAL_DATE, changed_dates, is_changed
from pipeline.warehouse.model import Model, Unit
from pipeline.warehouse.models import Models


class Stale:
    """Tells of one model after the other, in their order, since each may change what the next one reads.

    What is not stored is computed for those who read it. So a model makes a group with all that it reads without
    finding it stored, and the models of a group are computed together: for the same dates, or none of them.

    Args:
        connection: with the changes noted so far.
        models: all models of the build.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, models: Models) -> None:
        self._connection = connection
        self._models = models
        self._groups = _groups(models)

    def is_stale(self, model: Model) -> bool:
        """Whether something that the model's group reads changed since the last build."""
        group = self._groups[model.name]
        return (
            not self._can_wait(group)
            or self._is_source_changed(group)
            or is_changed(self._connection, self._roots(group), readers=group)
        )

    def dates(self, model: Model) -> str | None:
        """A condition that the dates for which the model's group is computed meet; None if it has to be whole."""
        group = self._groups[model.name]
        roots = self._roots(group)
        by_date = all(each.unit is Unit.LOCAL_DATE for each in group) and self._can_wait(group)
        if (
            not by_date
            or self._sources(group)
            or not all(LOCAL_DATE in self._models.by_name[name].columns for name in roots)
        ):
            return None
        found = changed_dates(self._connection, roots, readers=group)
        days = ", ".join(f"date '{day}'" for day in found if day is not None)
        conditions = [f"{LOCAL_DATE} in ({days})"] if days else []
        conditions += [f"{LOCAL_DATE} is null"] if None in found else []
        return f"({' or '.join(conditions) or 'false'})"

    def _can_wait(self, group: Sequence[Model]) -> bool:
        """Whether all that the group reads is computed before the first of it."""
        order = [model.name for model in self._models.after]
        first = min(order.index(model.name) for model in group)
        return not self._roots(group) & set(order[first:])

    def _is_source_changed(self, group: Sequence[Model]) -> bool:
        sources = self._sources(group)
        if sources == {"raw.app_as_of"}:
            return self._connection.execute("select 1 from main.apps_later limit 1").fetchone() is not None
        return bool(sources)

    def _sources(self, group: Sequence[Model]) -> set[str]:
        """What the group reads whose changes are not noted."""
        noted = {model.name for model in self._models if model.is_stored} | {model.name for model in group}
        read = {name for model in group for name in model.references if not name.startswith("settings.")}
        return read - noted

    def _roots(self, group: Sequence[Model]) -> set[str]:
        """Models that the group reads and that are not of it."""
        read = {name for model in group for name in model.references}
        return (read & self._models.by_name.keys()) - {model.name for model in group}


def _groups(models: Models) -> dict[str, list[Model]]:
    groups: dict[str, list[Model]] = {model.name: [model] for model in models.after}
    for model in models.after:
        for name in sorted(model.references & groups.keys()):
            if not models.by_name[name].is_stored and groups[name] is not groups[model.name]:
                joined = groups[name] + groups[model.name]
                groups.update({member.name: joined for member in joined})
    return groups
