"""Links to files in the copy: all are found, and none keeps what opens it to everybody."""

from __future__ import annotations

import json

import pytest

from pipeline.privacy.access.links import Links, bare_link


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://a.example/f.png?id=7&X-Amz-Signature=abc&page=2", "https://a.example/f.png?id=7&page=2"),
        ("https://a.example/f.png?access_token=abc", "https://a.example/f.png"),
        ("https://user:pass@a.example/f.png#token=abc", "https://a.example/f.png"),
        ("https://a.example/f%20g.png?x=1&y=2", "https://a.example/f%20g.png?x=1&y=2"),
        ("https://[broken/f?token=abc", "https://[broken/f"),
        ("no link", "no link"),
    ],
)
def test_keys_and_signatures_are_left_out_of_links(url: str, bare: str) -> None:
    """What else a link says stays as it is."""
    assert bare_link(url) == bare


def test_links_are_found_at_any_depth_and_bared_in_every_part() -> None:
    """The found ones are whole, since they are fetched; other texts keep their very bytes."""
    secret = "https://a.example/f?sig=abc"
    content = {
        "type": "carousel",
        "n": 1.50,
        "items": [{"mediaUrl": secret}, {"mediaUrl": secret}],
        "text": "? mediaUrl",
    }
    row = {"message_id": "m", "conversation_id": "c", "content": json.dumps(content), "quoted_message": None}
    row["quoted_message"] = json.dumps({"message": {"content": {"mediaUrl": secret}}})
    links = Links()
    (made,) = links.watch(iter([row]))
    assert [(link.message_id, link.url) for link in links.found] == [("m", secret)]
    assert "abc" not in made["content"] + made["quoted_message"]
    assert json.loads(made["content"])["items"][0]["mediaUrl"] == "https://a.example/f"
    assert secret not in repr(links)
