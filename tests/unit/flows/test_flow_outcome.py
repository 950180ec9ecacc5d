"""How a run is told: states, exit codes, and messages that hold no data."""

from __future__ import annotations

import asyncio

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.outcome import Part, exit_code, final_state, plain, told
from flows.summary import markdown_table, part_of
from pipeline.api.limiter import LimiterSnapshot
from pipeline.errors import AuthenticationError, ConfigError, Interrupted
from pipeline.outcome import Summary
from pipeline.walk.coverage import AppCoverage, Coverage
from pipeline.walk.visit import Counters

SECRET = "Erika Mustermann"


@pytest.mark.parametrize(
    ("codes", "kind", "name", "code"),
    [
        ([], "COMPLETED", "Completed", 0),
        ([0, 0], "COMPLETED", "Completed", 0),
        ([0, 3], "COMPLETED", "Partial", 3),
        ([0, 1], "FAILED", "Failed in part", 3),
        ([3, 2], "FAILED", "Failed in part", 3),
        ([1, 2], "FAILED", "Failed", 1),
    ],
)
def test_the_state_of_a_run_follows_from_its_parts(codes: list[int], kind: str, name: str, code: int) -> None:
    """The worst part decides, a failure beside a success is told apart, and the exit code can be read off."""
    state = final_state([Part(f"app {number}", code, "so it went") for number, code in enumerate(codes)])
    assert (state.type.value, state.name, exit_code(state)) == (kind, name, code)
    assert (state.message or "").count("so it went") == len(codes)


def test_a_foreign_error_is_told_by_class_and_place() -> None:
    """The text of an exception that is not ours never reaches a state."""
    state = asyncio.run(told(_fail(ValueError(SECRET))))
    assert state.is_failed()
    assert "ValueError at test_flow_outcome.py:" in str(state.message)
    assert SECRET not in repr(state)


def test_an_error_of_our_own_is_told_by_its_message() -> None:
    """What our errors say is made to be read, also where another error caused it."""
    error = AuthenticationError("the key is unknown", route="GET /v2/apps/{appId}")
    error.__cause__ = ValueError(SECRET)
    state = asyncio.run(told(_fail(error)))
    assert state.message == "GET /v2/apps/{appId}: the key is unknown"
    assert exit_code(state) == 1
    assert plain(error) is error


def test_an_interruption_is_no_failure() -> None:
    """What was stopped on request is done in part."""
    state = asyncio.run(told(_fail(Interrupted("stopped"))))
    assert (state.is_completed(), state.name, exit_code(state)) == (True, "Partial", 3)


def test_a_state_passes_unchanged() -> None:
    """Work that tells its own state is believed."""
    state = Completed(message="all of it")

    async def work() -> State[None]:
        return state

    assert asyncio.run(told(work())) is state


def test_the_table_holds_every_count() -> None:
    """Prefect's pages show what was done, what could not be read and what is left, per app."""
    table = markdown_table([_summary()]).splitlines()
    assert [cell.strip() for cell in table[0].strip("|").split("|")][:3] == ["app", "state", "messages"]
    assert table[2] == "| 5d8cff3cd55b040010928b5b | partial | 1,234 | 56 | 7 | 2 | 5 | 11 | 99 | 1 | 12 |"
    assert len({line.count("|") for line in table}) == 1


def test_what_is_missing_is_named() -> None:
    """A run that is done in part says what could not be read and what is left."""
    part = part_of(_summary())
    assert part.exit_code == 3
    assert part.says == (
        "7 users, 56 conversations, 1,234 messages; 5 could not be read and will be tried again; "
        "11 users and conversations are left for the next run"
    )


def test_what_went_wrong_comes_first() -> None:
    """The message of a failed run begins with its error."""
    error = ConfigError("the key is not set")
    summary = _summary(state="failed", message=str(error), error=error)
    assert part_of(summary).says.startswith("the key is not set; 7 users")


async def _fail(error: Exception) -> State[None]:
    raise error


def _summary(**changes: object) -> Summary:
    values: dict[str, object] = {
        "app_id": "5d8cff3cd55b040010928b5b",
        "run_id": "1",
        "kind": "export",
        "state": "partial",
        "seconds": 12.3,
        "counters": Counters(users=7, conversations=56, messages=1234, gone=2, failed=4, forbidden=1),
        "calls": LimiterSnapshot(
            calls=99, throttled=1, retries=0, bytes=0, waiting_seconds=0, rate=1, concurrency=1, in_flight=0
        ),
        "coverage": AppCoverage(
            "5d8cff3cd55b040010928b5b", Coverage(9, 1, {}, {}), Coverage(60, 10, {}, {}), 1234, 50, unresolved_seeds=0
        ),
    }
    return Summary(**(values | changes))  # type: ignore[arg-type]  # the values are those of the fields
