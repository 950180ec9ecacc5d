"""Runs a test over made-up histories and settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings

from tests.sql.made_histories import histories
from tests.sql.made_settings import written_settings

MIN_TALKS: Final = 20  # to plan all models takes as long for one conversation as for fifty
# Nothing is made smaller: a history takes half a second to compute, and a failure names the conversations it is about.
PHASES: Final = (Phase.explicit, Phase.reuse, Phase.generate)


def few_examples(examples: int) -> settings:
    """Settings for tests that compute all models for each example."""
    return settings(
        max_examples=examples,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        derandomize=bool(os.environ.get("CI")),  # what is found by chance is found by whoever runs it, not by a release
    )


def over_histories(examples: int) -> Callable[[Callable[..., None]], Callable[..., Any]]:
    """A decorator that gives a test so many pairs of `tables` and `written`."""
    return lambda test: few_examples(examples)(
        given(tables=histories(min_talks=MIN_TALKS), written=written_settings())(test)
    )
