"""Opens a world by the short text that names it on a command line: `chitchat:200`, `synthetic:seed=7,size=1000`."""

from __future__ import annotations

from typing import Final

from pipeline.errors import ConfigError
from pipeline.sandbox.chitchat import ChitchatWorld
from pipeline.sandbox.synthetic import SyntheticWorld
from pipeline.sandbox.synthetic_dice import USUAL_STRANGENESS
from pipeline.sandbox.synthetic_uniform import UniformWorld
from pipeline.sandbox.world import World

_OPTIONS: Final = ("seed", "size", "strangeness", "uniform_pages")
_FORMS: Final = (
    "use chitchat, chitchat:<conversations>, or synthetic:seed=<n>,size=<conversations>"
    "[,strangeness=<0..1> | ,uniform_pages=<pages>]"
)


def open_world(spec: str) -> World:
    """The world that a text names.

    Args:
        spec: `chitchat` (7,168 real conversations), `chitchat:200` (the first 200), or `synthetic:seed=7,size=1000`;
            the last also takes `strangeness=0.3` (how odd the content is) or `uniform_pages=3` (equally long
            histories for measurements).

    Raises:
        ConfigError: the text names no world, or one that can't be.
    """
    name, _, options = spec.partition(":")
    if name == "chitchat":
        return ChitchatWorld(_whole("chitchat", options) if options else None)
    if name == "synthetic":
        return _synthetic(_read_options(options))
    raise ConfigError(f"there is no world named {name!r}: {_FORMS}")


def _synthetic(options: dict[str, str]) -> World:
    if "seed" not in options or "size" not in options:
        raise ConfigError(f"a synthetic world needs seed and size: {_FORMS}")
    seed, size = _whole("seed", options["seed"]), _whole("size", options["size"])
    if "uniform_pages" not in options:
        strangeness = (
            _fraction("strangeness", options["strangeness"]) if "strangeness" in options else USUAL_STRANGENESS
        )
        return SyntheticWorld(seed, size, strangeness=strangeness)
    if "strangeness" in options:
        raise ConfigError("strangeness has no meaning beside uniform_pages: leave one of them out")
    return UniformWorld(seed, size, pages=_whole("uniform_pages", options["uniform_pages"]))


def _read_options(text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in text.split(",") if text else []:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if key not in _OPTIONS or not equals or key in options:
            raise ConfigError(f"{pair!r} is no option of a synthetic world, or given twice: {_FORMS}")
        options[key] = value
    return options


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"{name} must be a whole number, not {text!r}: {_FORMS}") from None


def _fraction(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number from 0 to 1, not {text!r}: {_FORMS}") from None
