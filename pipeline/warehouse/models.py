"""All models of a folder in an order in which each comes after what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import duckdb

from pipeline.errors import ModelError, UsageError
from pipeline.lake.tables import TABLES
from pipeline.warehouse.model import SCHEMAS, SOURCES, Model, Unit, read_model
from pipeline.warehouse.sources import CONVERSATION_TABLES, LEDGER_TABLES
from pipeline.warehouse.sql_files import sql_folder


@dataclass(frozen=True)
class Models:
    """Models by name, in the order in which they run.

    A build has three phases: `before` are whole models that no conversation model feeds, then the `conversation`
    models, then `after`, which see the stored ones among those before them.
    """

    by_name: Mapping[str, Model]

    def __iter__(self) -> Iterator[Model]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    @cached_property
    def conversation(self) -> list[Model]:
        """Those that are computed for some conversations at a time."""
        return [model for model in self if model.unit is Unit.CONVERSATION]

    @cached_property
    def before(self) -> list[Model]:
        """Whole models that depend on no conversation model."""
        after = {model.name for model in self.after}
        return [model for model in self if model.unit is not Unit.CONVERSATION and model.name not in after]

    @cached_property
    def after(self) -> list[Model]:
        """Models that read, directly or through others, what conversation models stored."""
        downstream: set[str] = {model.name for model in self.conversation}
        found = []
        for model in self:
            if model.unit is not Unit.CONVERSATION and model.references & downstream:
                downstream.add(model.name)
                found.append(model)
        return found

    def needs(self, names: set[str]) -> set[str]:
        """These models and all that they read, through however many steps."""
        needed = set(names)
        for model in reversed(list(self)):
            if model.name in needed:
                needed |= {name for name in model.references if name in self.by_name}
        return needed

    def feeds(self, names: set[str]) -> set[str]:
        """These models and all that read them, through however many steps."""
        fed = set(names)
        for model in self:
            if model.references & fed:
                fed.add(model.name)
        return fed

    def select(self, patterns: Sequence[str]) -> set[str]:
        """The models that patterns name: `fct_turns`, `fct_turns+` with what reads it, `+fct_turns` with what it reads.

        Raises:
            UsageError: a pattern names no model.
        """
        chosen: set[str] = set()
        for pattern in patterns:
            plain = pattern.strip("+")
            named = {model.name for model in self if plain in {model.name, model.table}}
            if not named:
                known = ", ".join(model.table for model in self if model.schema == "marts")
                raise UsageError(f"--select {pattern}: there is no model {plain!r}; the marts are {known}")
            chosen |= named
            chosen |= self.needs(named) if pattern.startswith("+") else set()
            chosen |= self.feeds(named) if pattern.endswith("+") else set()
        return chosen


def load_models(folder: Path | None = None) -> Models:
    """Read all models of a folder.

    Args:
        folder: with staging/, intermediate/ and marts/; by default those that come with sunlake.

    Raises:
        ModelError: a file is wrong, two share a name, a reference leads nowhere, or references form a circle.
    """
    root = folder or sql_folder()
    with duckdb.connect() as parser:
        found = [read_model(path, parser) for path in _paths(root)]
    _check_tables(found)
    models = Models({model.name: model for model in _sorted(found)})
    for model in models:
        _check_references(model, models)
    return models


def _paths(root: Path) -> list[Path]:
    paths = [path for schema in SCHEMAS for path in sorted((root / schema).glob("*.sql"))]
    if not paths:
        raise ModelError(f"{root} holds no model; it should have staging/, intermediate/ and marts/ with .sql files")
    for schema in SCHEMAS:
        for stray in sorted((root / schema).glob("*/**/*.sql")):
            raise ModelError(f"{stray}: models lie in {schema}/ itself, not in folders of it; move this file up")
    return paths


def _check_tables(found: list[Model]) -> None:
    seen: dict[str, Path] = {}
    for model in found:
        if model.table in seen:
            raise ModelError(f"{model.path}: {seen[model.table]} has the same name; rename one of them")
        seen[model.table] = model.path


def _sorted(found: list[Model]) -> Iterator[Model]:
    by_name = {model.name: model for model in found}
    graph = {model.name: sorted(name for name in model.references if name in by_name) for model in found}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = [by_name[name] for name in error.args[1]]
        names = " -> ".join(model.table for model in circle)
        raise ModelError(f"{circle[0].path}: {names} read each other in a circle; break it in one of them") from None
    return (by_name[name] for name in order)


def _check_references(model: Model, models: Models) -> None:
    for name in sorted(model.references):
        schema = name.partition(".")[0]
        if schema in SOURCES:
            _check_source(model, name)
            continue
        if name not in models.by_name:
            raise ModelError(
                f"{model.path}:{_line(model, name)}: there is no model {name}; its file would be {_file(name)}"
            )
    _check_prover(model, models)
    after = {other.name for other in models.after}
    for name in sorted(model.references & models.by_name.keys()):
        read = models.by_name[name]
        if model.unit is Unit.CONVERSATION and name in after:
            remedy = "a conversation model can't read what is computed after all conversations"
            raise ModelError(f"{model.path}:{_line(model, name)}: {remedy}: {name}")
        if model.unit is not Unit.CONVERSATION and read.unit is Unit.CONVERSATION and not read.is_stored:
            raise ModelError(
                f"{model.path}:{_line(model, name)}: {name} is not stored, so only conversation models can read it; "
                f"add `-- stored: yes` to {read.path.name}"
            )


def _check_prover(model: Model, models: Models) -> None:
    name = model.proven_by
    if name is None:
        return
    prover = models.by_name.get(name)
    if prover is None or prover.is_view or model.name not in models.needs({name}):
        raise ModelError(
            f"{model.path}:{_line(model, name)}: {name} can't prove what {model.table} promises; name a model that is "
            "no view and reads this one"
        )


def _check_source(model: Model, name: str) -> None:
    """Only staging reads the lake; and what feeds conversation models is compared between builds, table by table."""
    schema, _, table = name.partition(".")
    if schema != "raw":
        return
    known = {*TABLES, "buried", "restricted", *LEDGER_TABLES}
    if table not in known:
        raise ModelError(f"{model.path}:{_line(model, name)}: there is no {name}; raw has {', '.join(sorted(known))}")
    watched = {*CONVERSATION_TABLES, "buried", "restricted", "app_as_of", "incomplete_conversations"}
    if model.unit is Unit.CONVERSATION and table not in watched:
        remedy = "read it through a staging model without a unit"
        raise ModelError(f"{model.path}:{_line(model, name)}: {name} does not belong to one conversation; {remedy}")


def _line(model: Model, name: str) -> int:
    return next((number for number, line in enumerate(model.sql.splitlines(), 1) if name in line), 1)


def _file(name: str) -> str:
    return name.replace(".", "/", 1) + ".sql"
