"""What a bucket's rules say of objects that are replaced or deleted, and what is refused because of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.errors import StorageError
from pipeline.lake.s3.rules import Rules, Told, notes_of, read_rules, refuse_what_keeps
from pipeline.places import S3Place

PLACE = S3Place(bucket="bucket", prefix="lake", private=Path("state"))
NOT_SET = {
    "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
    "get_bucket_replication": "ReplicationConfigurationNotFoundError",
}


class Client:
    """Answers as it is told; a text is a refusal's code."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {"get_bucket_versioning": {}, **NOT_SET, **answers}

    def __getattr__(self, question: str) -> Any:
        def answer(**_: str) -> Any:
            found = self._answers[question]
            if isinstance(found, str):
                status = 403 if found == "AccessDenied" else 404
                response = {"Error": {"Code": found}, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(response, question)  # type: ignore[arg-type]  # as botocore calls it
            return found

        return answer


def rules(**answers: Any) -> Rules:
    """The rules as a store tells them."""
    return read_rules(Client(**answers), PLACE)


def test_a_plain_bucket_keeps_nothing() -> None:
    """There is nothing to be noted, and nothing to be refused."""
    found = rules()
    refuse_what_keeps(found, PLACE)
    assert (found.versions, found.locks, found.copies, notes_of(found)) == (Told.NO, Told.NO, Told.NO, [])


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_bucket_that_has_ever_kept_versions_has_some(status: str) -> None:
    """Turning it off leaves those that are there."""
    assert rules(get_bucket_versioning={"Status": status}).versions is Told.YES


def test_who_needs_a_device_to_delete_is_refused() -> None:
    """With MFA delete no program can remove a version."""
    found = rules(get_bucket_versioning={"Status": "Enabled", "MFADelete": "Enabled"})
    with pytest.raises(StorageError, match="MFA delete"):
        refuse_what_keeps(found, PLACE)


@pytest.mark.parametrize(("unit", "words"), [("Days", "30 days"), ("Years", "30 years")])
def test_a_lock_on_every_version_is_refused_with_its_time(unit: str, words: str) -> None:
    """The message says for how long, and what to do; without such a rule each version has to be looked at."""
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", unit: 30}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    found = rules(get_object_lock_configuration={"ObjectLockConfiguration": configuration})
    with pytest.raises(StorageError, match=f"keeps every version for {words}; remove the bucket's default"):
        refuse_what_keeps(found, PLACE)
    configuration.pop("Rule")
    found = rules(get_object_lock_configuration={"ObjectLockConfiguration": configuration})
    refuse_what_keeps(found, PLACE)
    assert found.locks is Told.YES


def test_what_may_not_be_asked_is_noted() -> None:
    """Versions are looked for all the same; what else may lie somewhere is said."""
    found = rules(**dict.fromkeys(("get_bucket_versioning", *NOT_SET), "AccessDenied"))
    refuse_what_keeps(found, PLACE)
    assert found.versions is Told.DENIED
    assert [note.partition(":")[0] for note in notes_of(found)] == ["locks on objects", "replication of the bucket"]


def test_only_rules_in_force_make_replicas() -> None:
    """A disabled one copies nothing."""
    targets = [
        {"Destination": {"Bucket": f"arn:aws:s3:::{name}"}, "Status": status}
        for name, status in (("there", "Enabled"), ("nowhere", "Disabled"))
    ]
    found = rules(get_bucket_replication={"ReplicationConfiguration": {"Rules": targets}})
    assert found.copied_to == ("there",)
    assert rules(get_bucket_replication={"ReplicationConfiguration": {"Rules": targets[1:]}}).copies is Told.NO
