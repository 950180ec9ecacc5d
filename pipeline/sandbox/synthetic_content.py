"""What a generated message holds: every content type and action of the specification, now and then one it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.sandbox.synthetic_dice import Dice
from pipeline.sandbox.synthetic_text import label, sentence, text
from pipeline.sandbox.world import JsonObject

_ASPECTS: Final = ("horizontal", "square")
_MEDIA_TYPES: Final = {"image": ("image/png", "image/jpeg", "image/gif"), "file": ("application/pdf", "text/csv", "")}


def content(dice: Dice) -> JsonObject:
    """The content of one message: mostly text."""
    if dice.odd(0.004):
        return {"type": "reaction", "emoji": "👍", "target": {"id": "unlisted", "at": None}}
    made = (_text if dice.chance(0.68) else dice.pick(_RICH))(dice)
    if dice.odd(0.03):
        made["blockChatInput"] = dice.chance(0.5)
    dice.unknown(made, 0.01)
    return made


def _text(dice: Dice) -> JsonObject:
    made: JsonObject = {"type": "text"}
    if not dice.odd(0.01):
        made["text"] = text(dice)
    if dice.chance(0.05):
        made["htmlText"] = f"<p>{sentence(dice)}<br/>&nbsp;</p>"
    if dice.chance(0.06):
        made["actions"] = _actions(dice, _ACTIONS)
    if dice.chance(0.03):
        made["payload"] = dice.pick(("ORDER_42", '{"step": 2}', "", "ü"))
    return made


def _carousel(dice: Dice) -> JsonObject:
    made: JsonObject = {"type": "carousel", "items": _items(dice)}
    dice.optional(made, "displaySettings", {"imageAspectRatio": dice.pick(_ASPECTS)})
    dice.optional(made, "text", sentence(dice))
    return made


def _list(dice: Dice) -> JsonObject:
    made: JsonObject = {"type": "list", "items": _items(dice)}
    dice.optional(made, "actions", _actions(dice, _ITEM_ACTIONS))
    return made


def _file(dice: Dice) -> JsonObject:
    return _media(dice, "file")


def _image(dice: Dice) -> JsonObject:
    made = _media(dice, "image")
    if dice.chance(0.2):
        made["actions"] = _actions(dice, _ACTIONS)
    return made


def _media(dice: Dice, kind: str) -> JsonObject:
    name = f"{dice.below(16**12):012x}"
    made: JsonObject = {"type": kind, "mediaUrl": f"https://media.example.com/{name}/a%20file%20%E2%9C%93.bin?x=1&y=2"}
    dice.optional(made, "mediaType", dice.pick(_MEDIA_TYPES[kind]))
    dice.optional(made, "mediaSize", dice.pick((0, 1.5, 40_213, 52_428_800)))
    if dice.chance(0.3):
        made["altText"] = label(dice)
    if dice.chance(0.3):
        made["text"] = text(dice)
    if dice.chance(0.1):
        made["htmlText"] = f"<b>{sentence(dice)}</b>"
    if dice.chance(0.5):
        made["attachmentId"] = name
    return made


def _form(dice: Dice) -> JsonObject:
    fields = [_form_field(dice, place) for place in range(1 + dice.below(4))]
    made: JsonObject = {"type": "form", "fields": fields}
    dice.optional(made, "submitted", dice.chance(0.5))
    if dice.chance(0.3):
        made["text"] = sentence(dice)
    return made


def _form_field(dice: Dice, place: int) -> JsonObject:
    kind = dice.pick(("email", "select", "text"))
    field: JsonObject = {"type": kind, "name": f"field-{place}", "label": label(dice)}
    dice.optional(field, "placeholder", "…")
    if kind == "select":
        field["options"] = [{"name": f"option-{n}", "label": label(dice)} for n in range(1 + dice.below(3))]
    if kind == "text":
        dice.optional(field, "minSize", 1)
        dice.optional(field, "maxSize", 256)
        if dice.chance(0.3):
            field["format"] = dice.pick(("integer", "decimal"))
    dice.unknown(field, 0.01)
    return field


def _form_response(dice: Dice) -> JsonObject:
    fields = [_answered_field(dice, place) for place in range(1 + dice.below(4))]
    made: JsonObject = {"type": "formResponse", "fields": fields}
    dice.optional(made, "textFallback", "\n".join(f"{field['label']}: …" for field in fields))
    return made


def _answered_field(dice: Dice, place: int) -> JsonObject:
    kind = dice.pick(("email", "select", "text"))
    field: JsonObject = {"type": kind, "name": f"field-{place}", "label": label(dice)}
    if kind == "email":
        field["email"] = f"answer{dice.below(1000)}@example.com"
    elif kind == "select":
        field["select"] = [{"name": "option-0", "label": label(dice)}]
    else:
        field["text"] = sentence(dice)
    return field


def _location(dice: Dice) -> JsonObject:
    places = ((48.858370, 2.294481), (-33.8567844, 151.2152967), (0, 0), (90, -180), (-1e-7, 179.9999999))
    lat, long = dice.pick(places)
    made: JsonObject = {"type": "location", "coordinates": {"lat": lat, "long": long}}
    dice.optional(made, "location", {"address": "Champ de Mars, 5 Av. Anatole France, Paris", "name": "Tour Eiffel"})
    dice.optional(made, "text", f"https://maps.example.com/?q={lat},{long}")
    dice.unknown(made["coordinates"], 0.02)
    return made


def _template(dice: Dice) -> JsonObject:
    parameter = {"type": "text", "text": sentence(dice)}
    body = {
        "name": "order_update",
        "language": {"code": "en"},
        "components": [{"type": "body", "parameters": [parameter]}],
    }
    return {"type": "template", "template": dice.pick((body, {}, {"type": "order", "anything": [1, None, {}]}))}


def _items(dice: Dice) -> list[JsonObject]:
    return [_item(dice, place) for place in range(10 if dice.odd(0.03) else 1 + dice.below(4))]


def _item(dice: Dice, place: int) -> JsonObject:
    item: JsonObject = {"title": label(dice)}
    dice.optional(item, "description", label(dice))
    dice.optional(item, "mediaUrl", f"https://shop.example.com/items/{place}.jpg")
    dice.optional(item, "mediaType", "image/jpeg")
    dice.optional(item, "altText", label(dice))
    dice.optional(item, "size", dice.pick(("compact", "large")))
    item["actions"] = _actions(dice, _ITEM_ACTIONS)
    dice.nullable(item, "metadata", dice.metadata())
    dice.unknown(item, 0.01)
    return item


def _actions(dice: Dice, kinds: tuple[Callable[[Dice], JsonObject], ...]) -> list[JsonObject]:
    made = [dice.pick(kinds)(dice) for _ in range(1 + dice.below(3))]
    for action in made:
        if dice.chance(0.3):
            dice.nullable(action, "metadata", dice.metadata())
        dice.unknown(action, 0.01)
    return made


def _buy(dice: Dice) -> JsonObject:
    action: JsonObject = {"type": "buy", "text": label(dice), "amount": dice.pick((0, 8000, 2**53 + 1))}
    dice.optional(action, "currency", dice.pick(("CAD", "JPY", "EUR")))
    return action


def _link(dice: Dice) -> JsonObject:
    action: JsonObject = {"type": "link", "text": label(dice), "uri": "https://shop.example.com/å?b=c#d"}
    dice.optional(action, "default", dice.chance(0.3))
    if dice.chance(0.2):
        options: JsonObject = {"messenger_extensions": True, "webview_share_button": "hide"}
        action["extraChannelOptions"] = {"messenger": options}
    return action


def _location_request(dice: Dice) -> JsonObject:
    return {"type": "locationRequest", "text": label(dice)}


def _postback(dice: Dice) -> JsonObject:
    return {"type": "postback", "text": label(dice), "payload": dice.pick(("PAYLOAD", "", '{"a": [1, 2]}'))}


def _reply(dice: Dice) -> JsonObject:
    action: JsonObject = {"type": "reply", "text": label(dice), "payload": f"REPLY_{dice.below(9)}"}
    if dice.chance(0.3):
        action["iconUrl"] = "https://media.example.com/icons/reply.png"
    return action


def _webview(dice: Dice) -> JsonObject:
    uri = "https://shop.example.com/view"
    action: JsonObject = {"type": "webview", "text": label(dice), "uri": uri, "fallback": f"{uri}/fallback"}
    dice.optional(action, "size", dice.pick(("compact", "tall", "full")))
    dice.optional(action, "openOnReceive", dice.chance(0.5))
    return action


_RICH: Final = (_carousel, _list, _file, _image, _image, _form, _form_response, _location, _template)
_ITEM_ACTIONS: Final = (_buy, _link, _postback, _webview)
_ACTIONS: Final = (*_ITEM_ACTIONS, _location_request, _reply)
