"""What counts as an upload on the API's own host; the key is sent nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.api.uploads import media_type, upload_target

ORIGIN = "https://example.zendesk.com"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/sc/attachments/v2/01JK/my_file.jpeg", "/sc/attachments/v2/01JK/my_file.jpeg"),
        ("/sc/attachments/v2/01JK/my file ✓.jpeg", "/sc/attachments/v2/01JK/my%20file%20%E2%9C%93.jpeg"),
        ("/sc/media/a/Screen%20Shot.png?token=a%2Fb&x=1#top", "/sc/media/a/Screen%20Shot.png?token=a%2Fb&x=1"),
    ],
)
def test_uploads_are_asked_for_as_they_are_linked(path: str, target: str) -> None:
    """Path and query stay; what a URL can't hold is encoded; the fragment is not sent."""
    assert upload_target(ORIGIN + path, origin=ORIGIN, prefix="/sc") == target


@pytest.mark.parametrize(
    "url",
    [
        "https://example.zendesk.com.evil.example/sc/attachments/a",
        "https://evil.example/sc/attachments/a",
        "https://user@example.zendesk.com/sc/attachments/a",
        "https://example.zendesk.com:444/sc/attachments/a",
        "http://example.zendesk.com/sc/attachments/a",
        "//example.zendesk.com/sc/attachments/a",
        "https://example.zendesk.com/sc/v2/apps/x/users/y",
        "https://example.zendesk.com/attachments/a",
        "https://example.zendesk.com/sc/attachments/../v2/apps/x/users/y",
        "https://example.zendesk.com/sc/attachments/%2e%2e/v2/apps/x/users/y",
        "https://example.zendesk.com/sc/attachments/%252e%252e/v2/apps/x",
        "https://example.zendesk.com/sc/attachments/..%2fv2/apps",
        "https://example.zendesk.com/sc/attachments/..%5cv2/apps",
        "https://example.zendesk.com/sc/attachments//v2",
        "https://example.zendesk.com/sc/attachments/a%0d%0aHost:x",
        "https://example.zendesk.com/sc/attachments",
        "https://[::1/sc/attachments/a",
        "https://example.zendesk.com/sc/attachments/\ud800",
        "https://example.zendesk.com/sc/attachments/" + "a" * 20_000,
        "",
    ],
)
def test_everything_else_is_none(url: str) -> None:
    """Other hosts, calls of the API, and whatever a server might take for one of them."""
    assert upload_target(url, origin=ORIGIN, prefix="/sc") is None


@given(st.text())
def test_no_text_leads_out_of_the_folder_of_uploads(text: str) -> None:
    """Whatever a message links to, the target is ASCII without blanks and stays below the folder."""
    target = upload_target(f"{ORIGIN}/sc/attachments/{text}", origin=ORIGIN, prefix="/sc")
    if target is not None:
        assert target.startswith("/sc/attachments/")
        assert target.isascii()
        assert target.isprintable()
        assert " " not in target
        assert not {"..", "."} & set(target.partition("?")[0].split("/"))


def test_media_types_lose_their_parameters() -> None:
    """What is no media type counts as none."""
    assert media_type("Text/Plain; charset=utf-8") == "text/plain"
    assert media_type("<script>") is None
    assert media_type(None) is None
