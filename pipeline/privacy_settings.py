"""The settings of erasure and access, `[privacy]` in sunlake.toml."""

from __future__ import annotations

from typing import Literal

import msgspec

from pipeline.errors import ConfigError

Disappeared = Literal["erased", "tombstoned", "kept"]


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes of rows in the lake whose object upstream no longer has.

    "erased" removes them at the next retention job, "tombstoned" keeps them below a tombstone, "kept" keeps those too
    that upstream's own retention removed.
    """

    users: Disappeared = "erased"
    conversations: Disappeared = "erased"
    messages: Disappeared = "kept"


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Erasure and access (gdpr.md).

    Args:
        key_env: the environment variable that holds the privacy key: `keyid:base64`, several with commas, newest first.
        key_file: the file that holds it instead, a key a line; `<key_env>_FILE` may name it too.
        deeds_key_env: the variable of the key that authenticates the ledger of deeds.
        deeds_key_file: its file.
        controller: who answers for the processing; named in reports.
        recipients: who was given copies (Art. 19); named in reports.
        retention: what becomes of rows that upstream no longer has.
        quotes: whether others' messages that quote a subject are reported, or deleted upstream.
        mentions: whether mentions of a subject in the rows of others are reported, or redacted in the lake.
        scope: whether personal conversations go whole, or only what the subject wrote.
        max_requests: rows of one batch file.
        max_subjects: subjects of one batch, unless the share allows more.
        max_subjects_share: share of an app's users that one batch may erase.
        second_approver: whether somebody else has to approve a plan before it is carried out.
        plan_hours: how long a plan may be carried out.
        access_days: how long an access export is kept.
        scan_roots: further folders that the scan looks through, such as backups.
        prefect_home: Prefect's folder, if it is not the default one.
    """

    key_env: str = "SUNLAKE_PRIVACY_KEY"
    key_file: str | None = None
    deeds_key_env: str = "SUNLAKE_DEEDS_KEY"
    deeds_key_file: str | None = None
    controller: str | None = None
    recipients: tuple[str, ...] = ()
    retention: RetentionSettings = RetentionSettings()
    quotes: Literal["report", "delete_quoting_message"] = "report"
    mentions: Literal["report", "redact"] = "report"
    scope: Literal["whole", "authored"] = "whole"
    max_requests: int = 10_000
    max_subjects: int = 100
    max_subjects_share: float = 0.05
    second_approver: bool = False
    plan_hours: float = 24.0
    access_days: float = 7.0
    scan_roots: tuple[str, ...] = ()
    prefect_home: str | None = None


def check_privacy(privacy: PrivacySettings, *, at: str) -> None:
    """Refuse numbers that can't be meant.

    Raises:
        ConfigError: the message names the key.
    """
    if not 0 < privacy.max_subjects_share <= 1:
        raise ConfigError(f"{at}.max_subjects_share must be above 0 and at most 1, such as 0.05")
    for name in ("max_requests", "max_subjects", "plan_hours", "access_days"):
        if getattr(privacy, name) <= 0:
            raise ConfigError(f"{at}.{name} must be above 0")
