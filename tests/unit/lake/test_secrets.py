from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.lake.rows import decode, encode
from pipeline.lake.secrets import ALLOWED, CREDENTIALS, SECRETS, Dropped, is_suspect
from pipeline.lake.tables import TABLES
from tests.spec_schemas import NEWEST, OLDEST, _components, needs_specification
from tests.unit.lake.spec_objects import properties

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PARENTS = dict.fromkeys(("app_id", "integration_id", "user_id", "conversation_id", "webhook_id"), "p1")
CREDENTIAL_LIKE = re.compile(r"secret|token|key|password|certificate", re.IGNORECASE)


def kept(table: str, source: str | dict[str, Any]) -> tuple[dict[str, Any], Dropped, str]:
    """What comes back of an object, what was noted, and all that was written of it."""
    dropped = Dropped()
    text = source if isinstance(source, str) else json.dumps(source)
    rows = encode(TABLES[table], [text.encode()], parents=PARENTS, exported_at=NOW, run_id="run", dropped=dropped)
    [row] = rows.to_pylist()
    return decode(TABLES[table], row | {"app_id": "p1"}), dropped, str(row)


def test_the_secret_of_a_webhook_is_withheld() -> None:
    """A webhook keeps what is known to be harmless; its secret goes unsaid, an unknown field is reported."""
    known = {"id": "w1", "version": "v2", "target": "https://example.org", "triggers": ["*"], "includeFullUser": True}
    value, dropped, written = kept("webhooks", known | {"secret": "hush", "apiKeyToCome": "hush"})
    assert value == known
    assert dropped == Dropped(secrets={"webhooks.secret"}, unknown={"webhooks.apiKeyToCome"})
    assert dropped.names == {"webhooks.secret", "webhooks.apiKeyToCome"}
    assert "hush" not in written


@pytest.mark.parametrize("kind", sorted(CREDENTIALS))
def test_the_credentials_of_an_integration_are_withheld(kind: str) -> None:
    """No credential of any type of integration reaches a row, while its settings do."""
    settings = {"id": "i1", "type": kind, "displayName": None, "showAIDisclaimer": True, "storyRepliesEnabled": False}
    value, dropped, written = kept("integrations", settings | dict.fromkeys(CREDENTIALS[kind], "hush"))
    assert value == settings
    assert dropped == Dropped(secrets={f"integrations.{name}" for name in CREDENTIALS[kind]})
    assert "hush" not in written


def test_unknown_fields_of_integrations_are_dropped_at_every_level() -> None:
    """An allowed object keeps its known fields only; other values than objects are kept whole."""
    value, dropped, written = kept(
        "integrations",
        {
            "id": "i1",
            "defaultResponder": {"name": "bot", "inherited": None, "tokenToCome": "hush"},
            "prechatCapture": {"enabled": True, "fields": [{"name": "any"}]},
            "bot token": "hush",
        },
    )
    assert value == {
        "id": "i1",
        "defaultResponder": {"name": "bot", "inherited": None},
        "prechatCapture": {"enabled": True, "fields": [{"name": "any"}]},
    }
    assert dropped.unknown == {"integrations.defaultResponder.tokenToCome", "integrations.?"}
    assert "hush" not in written
    assert kept("integrations", {"id": "i1", "defaultResponder": None})[0] == {"id": "i1", "defaultResponder": None}


def test_keys_of_an_app_are_withheld() -> None:
    """Even if an app came with its keys, they would not be written."""
    value, dropped, written = kept("apps", {"id": "p1", "keys": [{"secret": "hush"}], "secret": "hush", "new": 1})
    assert value == {"id": "p1", "new": 1}
    assert dropped == Dropped(secrets={"apps.keys", "apps.secret"})
    assert "hush" not in written


@pytest.mark.parametrize(
    ("table", "source", "rest"),
    [
        ("devices", '{"id":"d","pushNotificationToken":"hush","info":{"a":1.0}}', '{"id":"d","info":{"a":1.0}}'),
        ("devices", '{"id":"d","info":{"pushNotificationToken":"hush"}}', '{"id":"d","info":{}}'),
        (
            "messages",
            '{"id":"m","source":{"type":"ios","client":{"id":"c"},"device":{"id":"d","pushNotificationToken":"hush"}}}',
            '{"id":"m","source":{"type":"ios","client":{"id":"c"},"device":{"id":"d"}}}',
        ),
        (
            "messages",
            '{"id":"m","quotedMessage":{"message":{"source":{"device":{"pushNotificationToken":"hush","a":0.10}}}}}',
            '{"id":"m","quotedMessage":{"message":{"source":{"device":{"a":0.10}}}}}',
        ),
        (
            "events",
            '{"id":"e","payload":{"recentNotifications":[{"source":{"device":{"pushNotificationToken":"hush"}}},1]}}',
            '{"id":"e","payload":{"recentNotifications":[{"source":{"device":{}}},1]}}',
        ),
        (
            "events",
            '{"id":"e","payload":{"d":{"pushNotificationToke\\u006e":"hush"}}}',
            '{"id":"e","payload":{"d":{}}}',
        ),
        (
            "events",
            '{"id":"e","payload":{"d":{"a":{"pushNotificationToken":"hush"},"a":1,"\\ud83d":[]}}}',
            '{"id":"e","payload":{"d":{"a":1,"\\ud83d":[]}}}',
        ),
    ],
)
def test_push_tokens_are_withheld_wherever_a_device_is(table: str, source: str, rest: str) -> None:
    """A device may stand deep in a message or an event, its token spelt oddly or hidden behind an equal key."""
    value, dropped, written = kept(table, source)
    assert value == json.loads(rest)
    assert "hush" not in written
    assert dropped.unknown == set()


def test_what_customers_write_is_theirs() -> None:
    """Metadata and content are kept as they are, whatever their keys are called."""
    source = {"id": "m", "metadata": {"pushNotificationToken": 1}, "content": {"pushNotificationToken": 2}}
    value, dropped, _ = kept("messages", source)
    assert value == source
    assert dropped.names == set()


def test_a_text_that_only_mentions_a_token_is_kept() -> None:
    """The word is no key, so nothing is lost."""
    source = {"id": "m", "quotedMessage": {"message": {"text": "where is pushNotificationToken?"}}}
    assert kept("messages", source)[0] == source


def test_is_suspect_never_misses_an_escaped_letter() -> None:
    """Any letter of the key may be escaped, in either case of its digits."""
    for letter in set("pushNotificationToken"):
        for escape in (f"\\u{ord(letter):04x}", f"\\u{ord(letter):04X}"):
            assert is_suspect(b'{"' + "pushNotificationToken".replace(letter, escape).encode() + b'":1}')
    assert not is_suspect(b'{"text":"\\u003c\\u00e9\\n"}')


@needs_specification
@pytest.mark.parametrize("document", [NEWEST, OLDEST])
def test_every_field_of_every_integration_is_decided_about(document: str) -> None:
    """The specification's fields are allowed or secret by decision, and what looks like a credential is secret."""
    mapping = _components(document)["integration"]["discriminator"]["mapping"]
    for kind, target in mapping.items():
        fields = properties(target.rsplit("/", 1)[1], document=document)
        assert fields.keys() <= ALLOWED["integrations"].keys() | CREDENTIALS.get(kind, frozenset())
        looks_secret = {name for name in fields if CREDENTIAL_LIKE.search(name)}
        assert looks_secret <= SECRETS["integrations"]
    assert not ALLOWED["integrations"].keys() & SECRETS["integrations"]


@needs_specification
@pytest.mark.parametrize("document", [NEWEST, OLDEST])
@pytest.mark.parametrize(
    ("table", "schema"),
    [("apps", "app"), ("webhooks", "webhook"), ("devices", "device"), ("clients", "client"), ("users", "user")],
)
def test_what_looks_like_a_secret_is_registered(table: str, schema: str, document: str) -> None:
    """A field named like a credential in a schema of the specification is left out."""
    secret = {name for name in properties(schema, document=document) if re.search("secret|token", name, re.IGNORECASE)}
    assert secret <= SECRETS.get(table, frozenset()) | {"pushNotificationToken"}
