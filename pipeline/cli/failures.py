"""How an error ends the program: a message and an exit code for those raised on purpose, class and place for the rest.

Foreign exceptions may quote personal data or keys, hence their texts are never shown.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from pipeline.errors import SunlakeError

_ROOT: Final = Path(__file__).parents[2]
_OWN: Final = ("pipeline", "flows")


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """The error itself, or all that a group of tasks has collected."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves_of(part)
    else:
        yield error


def exit_code_of(error: BaseException) -> int:
    """The exit code that tells of an error."""
    return max(part.exit_code if isinstance(part, SunlakeError) else 1 for part in leaves_of(error))


def message_of(error: BaseException) -> str:
    """What the user is told."""
    said: dict[str, None] = {}
    for part in leaves_of(error):
        if isinstance(part, SunlakeError):
            said[str(part)] = None
        else:
            said[f"internal error: {place_of(part)}; run the command with --debug to see the call stack"] = None
    return "\n".join(said)


def place_of(error: BaseException) -> str:
    """Class and place of an error, such as "KeyError at pipeline/walk/visit.py:12 in visit"."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _short(frame.filename).split("/")[0] in _OWN]
    if not frames:
        return type(error).__name__
    last = (own or frames)[-1]
    return f"{type(error).__name__} at {_short(last.filename)}:{last.lineno} in {last.name}"


def call_stack_of(error: BaseException) -> str:
    """The call stacks of an error and of those that led to it, without the texts of foreign exceptions."""
    stacks = []
    current: BaseException | None = error
    while current is not None:
        text = f": {current}" if isinstance(current, SunlakeError) else ""
        stacks.append(f"{_stack(current.__traceback__)}{type(current).__name__}{text}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    if isinstance(error, BaseExceptionGroup):
        stacks += [call_stack_of(part) for part in error.exceptions]
    return "\n\n".join(stacks)


def _stack(trace: TracebackType | None) -> str:
    lines = [
        f"{_short(frame.filename)}:{frame.lineno} in {frame.name}\n    {frame.line}\n"
        for frame in traceback.extract_tb(trace)
    ]
    return "".join(lines)


def _short(filename: str) -> str:
    path = Path(filename)
    if "site-packages" in path.parts:
        return "/".join(path.parts[path.parts.index("site-packages") + 1 :])
    return path.relative_to(_ROOT).as_posix() if path.is_relative_to(_ROOT) else path.name
