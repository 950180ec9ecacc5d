"""What all parts of a generated world share: its arguments, its ids, and where chance comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from pipeline.sandbox.ids import IdSpace
from pipeline.sandbox.synthetic_dice import Dice


class Kind(IntEnum):
    """What an id of a generated world stands for."""

    INTEGRATION = 1
    SWITCHBOARD = 2
    SWITCHBOARD_INTEGRATION = 3
    WEBHOOK = 4
    USER = 5
    GHOST = 6  # users that were merged into another: their ids remain in histories
    CLIENT = 7
    DEVICE = 8
    CONVERSATION = 9
    PARTICIPANT = 10
    MESSAGE = 11
    EXTERNAL = 12  # external ids that look like ids
    CHANNEL = 13  # ids that other platforms gave


@dataclass(frozen=True)
class Realm:
    """A generated world's arguments.

    Args:
        seed: names the world.
        size: the number of conversations.
        strangeness: from 0 (nothing odd) to 1; scales how often odd things occur.
    """

    seed: int
    size: int
    strangeness: float

    @cached_property
    def ids(self) -> IdSpace:
        """The ids of the world."""
        return IdSpace(f"synthetic:{self.seed}")

    def dice(self, subject: str, number: int) -> Dice:
        """Chance that belongs to one thing: the same whenever it is asked for, whatever else was asked before."""
        return Dice(f"{self.seed}:{subject}:{number}", self.strangeness)
