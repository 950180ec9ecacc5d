"""What became of each model of a build, and which are still to be computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from pipeline.errors import ModelError
from pipeline.warehouse.model import Model
from pipeline.warehouse.models import Models

Outcome = Literal["built", "failed", "skipped", "kept"]


@dataclass(slots=True)
class ModelTally:
    """One model's part of a build. `rows` counts those that were computed, in all passes together."""

    name: str
    outcome: Outcome = "built"
    rows: int = 0
    seconds: float = 0.0
    message: str | None = None


OnModel = Callable[[ModelTally, str], None]


@dataclass
class Tally:
    """All models' tallies. `wanted` are the models to be stored, `needed` those to be computed for them.

    Args:
        on_model: told after each computation what it brought, and where the build is, such as "pass 2 of 7".
    """

    models: Models
    wanted: AbstractSet[str]
    needed: AbstractSet[str]
    on_model: OnModel | None = None
    place: str = ""
    by_name: dict[str, ModelTally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for model in self.models:
            self.by_name[model.name] = ModelTally(model.name, "built" if model.name in self.needed else "kept")

    def computes(self, model: Model) -> bool:
        """Whether a model is needed and nothing that it reads has failed; otherwise it is marked as skipped."""
        tally = self.by_name[model.name]
        broken = [name for name in sorted(model.references) if self._is_broken(name)]
        if broken and tally.outcome == "built":
            tally.outcome, tally.message = "skipped", f"it reads {broken[0]}"
        return tally.outcome == "built"

    def stores(self, model: Model) -> bool:
        """Whether a model goes into the warehouse and has not failed."""
        return model.is_stored and model.name in self.wanted and self.by_name[model.name].outcome == "built"

    def keep(self, model: Model) -> None:
        """Mark a model whose rows are those of the last build."""
        self.by_name[model.name].outcome = "kept"

    @contextmanager
    def computing(self, model: Model) -> Iterator[ModelTally]:
        """Time a computation; a model's own error is noted, and the build goes on."""
        tally = self.by_name[model.name]
        began = time.perf_counter()
        try:
            yield tally
        except ModelError as error:
            tally.outcome, tally.message = "failed", str(error)
        finally:
            tally.seconds += time.perf_counter() - began
        if self.on_model is not None:
            self.on_model(tally, self.place)

    @property
    def broken(self) -> list[ModelTally]:
        """Those that failed or were skipped."""
        return [tally for tally in self.by_name.values() if tally.outcome in {"failed", "skipped"}]

    def _is_broken(self, name: str) -> bool:
        return name in self.by_name and self.by_name[name].outcome in {"failed", "skipped"}
