"""What people of a generated world write: plain sentences, and everything that breaks a careless exporter."""

from __future__ import annotations

from typing import Final

from pipeline.sandbox.synthetic_dice import Dice

LONGEST_TEXT: Final = 4096  # specification: textMessage.text

_OPENINGS: Final = (
    "Hello",
    "Hi there",
    "Good morning",
    "Sorry",
    "Thanks",
    "One moment",
    "Well",
    "Right",
    "Oh",
    "Great",
)
_SUBJECTS: Final = (
    "my order",
    "the parcel",
    "your invoice",
    "this account",
    "the refund",
    "our booking",
    "the new card",
)
_VERBS: Final = (
    "has not arrived",
    "is on its way",
    "was charged twice",
    "needs an address",
    "is ready",
    "has been closed",
)
_ENDINGS: Final = ("", ".", "!", "?", ", please.", " since Monday.", " - could you check?", ", thank you")

_STRANGE: Final = (
    "👩‍👩‍👧‍👦 🇺🇦 👍🏽 🎉",
    "שלום, איפה החבילה שלי?",
    "مرحبا، أين طلبي رقم 123؟",
    "\u202eright to left override\u202c and \u2066isolate\u2069",
    "control \u0000 \u0001 \u0007 \u0008 \u000b \u001b[31m \u001f \u007f \u0085 end",
    "line\u2028separator\u2029paragraph\ufeffbom",
    "first\nsecond\r\nthird\rfourth\tfifth",
    "你好\uff0c我的订单在哪里\uff1f",
    "e\u0301 vs \u00e9, ﬁ, ß, İstanbul, \U0001d4b3 𐍈 \U0010ffff",
    "",
    " ",
    "  leading and trailing  ",
    "NULL",
    "\\N",
    "null",
    "NaN",
    "=1+1",
    "\"quoted\", 'single', `tick`, a;b,c|d",
    '{"text": "json in text", "id": "\\u0000"}',
    "</script><b>bold</b> &amp; &lt;",
    "C:\\temp\\new \\u0041 \\\\ \\",
    "'; drop table messages; --",
    "%s %d {0} {} ${HOME} %(name)s",
    "0012345678901234567890",
)


def sentence(dice: Dice) -> str:
    """One plain sentence."""
    return f"{dice.pick(_OPENINGS)}, {dice.pick(_SUBJECTS)} {dice.pick(_VERBS)}{dice.pick(_ENDINGS)}"


def text(dice: Dice) -> str:
    """A message: mostly a sentence or two, now and then a strange or a very long one."""
    if dice.odd(0.08):
        return dice.pick(_STRANGE)
    if dice.odd(0.003):
        return (f"{sentence(dice)} 🎈 " * 100)[:LONGEST_TEXT]
    return sentence(dice) if dice.chance(0.7) else f"{sentence(dice)} {sentence(dice)}"


def label(dice: Dice) -> str:
    """A short text for titles and buttons, 1 to 128 characters."""
    if dice.odd(0.03):
        return dice.pick(("Größe wählen", "שלח", "送信", "👍", "a" * 128, "Say \"yes\" or 'no'"))
    return f"{dice.pick(_SUBJECTS)} {dice.pick(_VERBS)}"
