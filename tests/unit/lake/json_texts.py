"""Strategies of JSON texts rather than values, so that spellings, odd numbers and repeated keys are tried too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

_UNUSUAL_NUMBERS = (
    "0.10",
    "1.0",
    "-0",
    "-0.0",
    "1e400",
    "1E-7",
    "9223372036854775807",
    "9223372036854775808",
    "-1e-400",
)
_LONG = "0.1000000000000000055511151231257827021181583404541015625"


def numbers() -> st.SearchStrategy[str]:
    """Numbers of any spelling."""
    return st.one_of(
        st.integers(-(2**70), 2**70).map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.sampled_from((*_UNUSUAL_NUMBERS, _LONG)),
    )


def strings() -> st.SearchStrategy[str]:
    """Strings with any character, lone surrogates among them, escaped or not."""
    return st.one_of(unicode_strings(), st.sampled_from(('"\\ud83d"', '"a\\uDE00 b"', '"\\ude00\\ud83d"')))


def unicode_strings() -> st.SearchStrategy[str]:
    """Strings that are valid Unicode, escaped or not."""
    return st.builds(json.dumps, st.text(max_size=8), ensure_ascii=st.booleans())


def values() -> st.SearchStrategy[str]:
    """Any small JSON value."""
    return _VALUES


def objects(members: st.SearchStrategy[tuple[str, str]], *, max_size: int = 6) -> st.SearchStrategy[str]:
    """Objects of these members (two texts each), whose keys may repeat."""
    return st.builds(join_object, st.lists(members, max_size=max_size), st.sampled_from(("", " ", "\n\t")))


def join_object(members: Iterable[tuple[str, str]], blank: str = "") -> str:
    """The text of an object with `blank` wherever blanks may stand."""
    return "{" + ",".join(f"{blank}{key}{blank}:{blank}{value}{blank}" for key, value in members) + blank + "}"


def tagged(value: str | bytes) -> Any:
    """The value of a JSON text, where equal means equal: numbers are exact and integers differ from other numbers."""
    return json.loads(value, parse_int=_tagged_integer, parse_float=_tagged_real)


def tag(value: Any) -> Any:
    """A decoded value in the form of `tagged`."""
    match value:
        case dict():
            return {key: tag(inner) for key, inner in value.items()}
        case list():
            return [tag(inner) for inner in value]
        case bool():
            return value
        case int():
            return _tagged_integer(str(value))
        case float() | Decimal():
            return _tagged_real(str(value))
        case _:
            return value


def _tagged_integer(text: str) -> tuple[str, Decimal]:
    return "int", Decimal(text)


def _tagged_real(text: str) -> tuple[str, Decimal]:
    return "real", Decimal(text)


_LEAVES = st.one_of(st.sampled_from(("null", "true", "false", "{}", "[]")), numbers(), strings())
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: "[" + ",".join(parts) + "]"),
        objects(st.tuples(strings(), inner), max_size=3),
    ),
    max_leaves=5,
)
