"""Users of a generated world: nameless ones, brands that share external ids, external ids that are hard on paths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pipeline.sandbox.ids import timestamp
from pipeline.sandbox.synthetic_dice import Dice
from pipeline.sandbox.synthetic_realm import Kind, Realm
from pipeline.sandbox.synthetic_time import moment_of_user
from pipeline.sandbox.world import JsonObject

BRANDS: Final = ("9477922990333", "9477922990334", "360000000000001")

_GIVEN_NAMES: Final = ("Ada", "Björn", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Gábor", "יעל", "محمد", "小林")
_SURNAMES: Final = ("Okafor", "O'Neil", "Smith-Jones", "Ångström", "Nguyễn", "de la Cruz", "X", "李")
_LOCALES: Final = ("en-US", "fr-CA", "de", "he-IL", "pt-BR", "zh-Hant-TW")
_HARD_EXTERNAL_IDS: Final = (
    *("tenant/{}", "with space {}", "../apps/{}", "..%2F{}", "ünï-çødé-{}", "客户{}", "50%off#{}", "who?id={}&x=y"),
    *("a+b={}", "semi;colon,{}", "back\\slash{}", "{}/", "/{}", 'it\'s "{}"', "mailto:user{}@example.com", "{}."),
)
# Whole external ids that HTTP clients resolve as path segments; one user each.
_DOTS: Final = {".": 9, "..": 5}
_NUMBER: Final = re.compile(r"\d{1,9}(?!.*\d)", re.DOTALL)


def user(realm: Realm, number: int) -> JsonObject:
    """The user as the API returns them."""
    dice = realm.dice("user", number)
    known = external_id(realm, number)
    result: JsonObject = {"id": realm.ids.make(Kind.USER, number), "authenticated": known is not None}
    if known is not None:
        result["externalId"] = known
    else:
        dice.empty(result, "externalId")
    if dice.chance(0.4):
        dice.nullable(result, "zendeskId", str(30_045_042_000_000 + number))
    brand = brand_id(realm, number)
    if brand is not None:
        result["brandId"] = brand
    else:
        dice.empty(result, "brandId")
    dice.optional(result, "signedUpAt", timestamp(moment_of_user(realm, number)))
    dice.optional(result, "toBeRetained", dice.chance(0.1))
    dice.optional(result, "profile", _profile(dice, number))
    dice.optional(result, "metadata", dice.metadata())
    addresses = emails(realm, number)
    if addresses or dice.chance(0.7):
        result["identities"] = _identities(dice, addresses)
    if dice.odd(0.05):
        result["hasPaymentInfo"] = dice.chance(0.2)
    dice.unknown(result)
    return result


def external_id(realm: Realm, number: int) -> str | None:
    """The user's external id; unique within their brand."""
    dice = realm.dice("external", number)
    if realm.strangeness and number in _DOTS.values():
        return next(dots for dots, owner in _DOTS.items() if owner == number)
    if _shares_external_id(realm, number):
        return f"shared-{number // 2 * 2}"
    if dice.chance(0.3):
        return None
    if dice.odd(0.03):
        return realm.ids.make(Kind.EXTERNAL, number)
    if dice.odd(0.15):
        return dice.pick(_HARD_EXTERNAL_IDS).format(number)
    return f"crm-{number}"


def brand_id(realm: Realm, number: int) -> str | None:
    """The brand the user belongs to."""
    if _shares_external_id(realm, number):
        return BRANDS[number % 2]
    dice = realm.dice("brand", number)
    return dice.pick(BRANDS) if dice.odd(0.1) else None


def emails(realm: Realm, number: int) -> list[str]:
    """The user's e-mail identities; neighbours may share one."""
    dice = realm.dice("email", number)
    addresses = [f"user{number}@example.com"] if dice.chance(0.4) else []
    if realm.dice("household", number // 2).odd(0.05):
        addresses.append(f"household{number // 2 * 2}@example.org")
    return addresses


def users_of_email(realm: Realm, count: int, address: str) -> list[int]:
    """Numbers of the users with this e-mail identity."""
    return [number for number in _candidates(realm, count, address) if address in emails(realm, number)]


def user_of_external_id(realm: Realm, count: int, text: str, brand: str | None) -> int | None:
    """The number of the user with this external id within the brand."""
    for number in _candidates(realm, count, text):
        if external_id(realm, number) == text and brand_id(realm, number) == brand:
            return number
    return None


def _candidates(realm: Realm, count: int, text: str) -> Sequence[int]:
    """Numbers of users below `count` whom the text may name: it holds their number, or their neighbour's."""
    named = _DOTS.get(text)
    if named is None:
        named = realm.ids.read(Kind.EXTERNAL, text)
    if named is None:
        digits = _NUMBER.search(text)
        named = int(digits[0]) if digits else None
    return [] if named is None else [number for number in (named, named ^ 1) if number < count]


def _shares_external_id(realm: Realm, number: int) -> bool:
    """Pairs of neighbours, in two brands: one person in the customer's own records, or two."""
    return number not in _DOTS.values() and number ^ 1 not in _DOTS.values() and _pair(realm, number).odd(0.08)


def _pair(realm: Realm, number: int) -> Dice:
    return realm.dice("pair", number // 2)


def _profile(dice: Dice, number: int) -> JsonObject:
    profile: JsonObject = {}
    dice.nullable(profile, "givenName", dice.pick(_GIVEN_NAMES))
    dice.nullable(profile, "surname", dice.pick(_SURNAMES))
    # Not the address of the identities: a search by e-mail must not find it.
    dice.nullable(profile, "email", f"profile{number}@example.net")
    dice.nullable(profile, "avatarUrl", f"https://media.example.com/avatars/{number}.png")
    dice.nullable(profile, "locale", dice.pick(_LOCALES))
    if dice.odd(0.1):
        profile["localeOrigin"] = "browser"
    dice.unknown(profile)
    return profile


def _identities(dice: Dice, addresses: Sequence[str]) -> list[JsonObject]:
    identities: list[JsonObject] = [{"type": "email", "value": address} for address in addresses]
    if dice.chance(0.1):
        identities.append({"type": "phoneNumber", "value": f"+1555010{dice.below(10_000):04d}"})
    for identity in identities:
        dice.optional(identity, "verification", dice.pick(("embed", "api", "integration")))
        dice.unknown(identity)
    return identities
