"""Kills at many points with few runs: each run takes up what the one before it left, and is killed further on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Point = TypeVar("Point")


def survive(
    points: Sequence[Point],
    *,
    rows: int,
    begin: Callable[[], None],
    kill: Callable[[Point], bool],
    finish: Callable[[list[Point]], None],
) -> None:
    """Kill a run at each point. Kills that follow one another lie `rows` points apart, so that none hides another.

    Args:
        points: in the order in which an undisturbed run passes them.
        rows: how often to begin anew, at least.
        begin: makes everything as it was before the first run.
        kill: starts a run that is killed at a point; False if it ended before it came there.
        finish: is given the points of the kills since the beginning; runs to the end and looks at what came of it.
    """
    for row in range(rows):
        waiting = list(points[row::rows])
        while waiting:
            begin()
            killed: list[Point] = []
            while waiting and kill(waiting[0]):
                killed.append(waiting.pop(0))
            assert killed, f"no run comes to {waiting[0]}"
            finish(killed)
