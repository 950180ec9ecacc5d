"""Which of the models after the conversations an incremental build has to compute, and for which places."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from pipeline.warehouse.changed import LOCAL_DATE, UNTIL_DATE, changes, is_changed
from pipeline.warehouse.model import Model
from pipeline.warehouse.models import Models


class Stale:
    """Tells of one model after the other, in their order, since each may change what the next one reads.

    What is not stored is computed for those who read it. So a model makes a group with all that it reads without
    finding it stored, and the models of a group are computed together: for the same places, or none of them.

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

    def find_places(self, model: Model) -> tuple[str, ...]:
        """Fill `main.places` with the places that the model's group is computed for; returns the columns of them.

        No column: it has to be whole.
        """
        group = self._groups[model.name]
        roots = self._roots(group)
        columns = model.unit.columns
        if (
            not columns
            or any(each.unit is not model.unit for each in group)
            or not self._can_wait(group)
            or self._sources(group)
            or not all(set(columns) <= self._models.by_name[name].columns.keys() for name in roots)
        ):
            return ()
        self._fill(roots, group, columns)
        return columns

    def _fill(self, roots: set[str], group: Sequence[Model], columns: Sequence[str]) -> None:
        shown, changed = ", ".join(columns), changes(self._connection, roots, readers=group)
        each_day = f"""
            select * replace (unnest(generate_series(local_date, until_date, interval 1 day))::date as local_date)
            from (
                select * replace (coalesce(until_date, local_date) as until_date)
                {changed} and local_date is not null
            )
            union all
            select * {changed} and local_date is null
        """
        source = f"({each_day})" if LOCAL_DATE in columns else f"(select * {changed})"
        self._connection.execute(f"create or replace table main.places as select distinct {shown} from {source}")

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


def among_places(model: Model, columns: Sequence[str]) -> str:
    """The join that leaves of a model's rows, named `counted`, those that count in one of `main.places`."""
    same = [f"counted.{column} is not distinct from place.{column}" for column in columns if column != LOCAL_DATE]
    if LOCAL_DATE in columns and UNTIL_DATE in model.columns:
        same.append("counted.local_date <= place.local_date and counted.until_date >= place.local_date")
    elif LOCAL_DATE in columns:
        same.append("counted.local_date is not distinct from place.local_date")
    return f"semi join main.places as place on {' and '.join(same)}"


def _groups(models: Models) -> dict[str, list[Model]]:
    groups: dict[str, list[Model]] = {model.name: [model] for model in models.after}
    for model in models.after:
        for name in sorted(model.references & groups.keys()):
            if not models.by_name[name].is_stored and groups[name] is not groups[model.name]:
                joined = groups[name] + groups[model.name]
                groups.update({member.name: joined for member in joined})
    return groups
