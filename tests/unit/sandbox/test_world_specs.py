"""The texts that name a world."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox.worlds import open_world


@pytest.mark.parametrize(
    ("spec", "conversations"),
    [
        ("chitchat:3", 3),
        ("synthetic:seed=7,size=12", 12),
        ("synthetic: size=12, seed=-7, strangeness=0", 12),
        ("synthetic:seed=1,size=6,uniform_pages=3", 6),
    ],
)
def test_a_text_opens_its_world(spec: str, conversations: int) -> None:
    """Each form opens a world of the size it names, with the same app every time."""
    world = open_world(spec)
    assert len(list(world.conversation_ids())) == conversations
    assert world.app == open_world(spec).app


def test_different_texts_are_different_apps() -> None:
    """No two worlds share an app id."""
    specs = (
        *(
            "chitchat:3",
            "chitchat:4",
            "synthetic:seed=7,size=12",
            "synthetic:seed=7,size=13",
            "synthetic:seed=8,size=12",
        ),
        *("synthetic:seed=7,size=12,strangeness=0", "synthetic:seed=7,size=12,uniform_pages=1"),
    )
    assert len({open_world(spec).app["id"] for spec in specs}) == len(specs)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("", "no world named"),
        ("chitchats", "no world named"),
        ("chitchat:many", "whole number"),
        ("chitchat:0", "at least 1"),
        ("synthetic", "seed and size"),
        ("synthetic:seed=1", "seed and size"),
        ("synthetic:seed=1,size=x", "whole number"),
        ("synthetic:seed=1,size=5,strangeness=very", "from 0 to 1"),
        ("synthetic:seed=1,size=5,strangeness=2", "from 0 to 1"),
        ("synthetic:seed=1,size=5,colour=red", "no option"),
        ("synthetic:seed=1,size=5,size=5", "given twice"),
        ("synthetic:seed=1,size", "no option"),
        ("synthetic:seed=1,size=0", "1,000,000"),
        ("synthetic:seed=1,size=5,uniform_pages=1,strangeness=0", "no meaning"),
    ],
)
def test_a_wrong_text_is_explained(spec: str, reason: str) -> None:
    """A text that names no world is refused with what is wrong about it."""
    with pytest.raises(ConfigError, match=reason):
        open_world(spec)
