"""What an S3-compatible store's refusals mean. Its own words are not repeated: they may name a key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

from pipeline.errors import ConfigError, StorageError
from pipeline.places import S3Place

MISSING = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})
OUTDATED = frozenset({"412", "PreconditionFailed", "ConditionalRequestConflict", "409"})
UNKNOWN = frozenset({"NotImplemented", "501"})

_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name other variables in the section [storage]"
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket; create it, or correct SUNLAKE_LAKE and the endpoint",
    "InvalidBucketName": "the store takes no bucket of this name; correct SUNLAKE_LAKE",
    "InvalidAccessKeyId": "the access key is unknown; give another one",
    "SignatureDoesNotMatch": "the secret does not belong to the access key; correct it",
    "InvalidToken": "the session's token is not valid; sign in again",
    "ExpiredToken": "the session has expired; sign in again",
    "RequestTimeTooSkewed": "this machine's clock is wrong; set it",
    "PermanentRedirect": "the bucket lies in another region; set region in the section [storage]",
    "AuthorizationHeaderMalformed": "the bucket lies in another region; set region in the section [storage]",
    "IllegalLocationConstraintException": "the bucket lies in another region; set region in the section [storage]",
    "QuotaExceeded": "the store is full; free space and run the command again",
    "EntityTooLarge": "a file is larger than the store takes",
}
# Which permission an operation needs, where its name does not say it.
_PERMISSIONS = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "CopyObject": "GetObject and s3:PutObject",
    "UploadPartCopy": "GetObject and s3:PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
}


def code_of(error: boto.ClientError) -> str:
    """The store's code of a refusal, or the HTTP status where it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_denied(error: boto.ClientError) -> bool:
    """Whether the key has no right to what was asked, or is wrong altogether."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) == "AccessDenied" or status in {401, 403}


@contextmanager
def s3_errors(place: S3Place, *, right: str | None = None) -> Iterator[None]:
    """Turn what the store refuses into errors that say what to do.

    Args:
        place: the lake's place.
        right: the permission that is needed, where the operation does not tell.

    Raises:
        ConfigError: there are no keys.
        StorageError: anything else. Nothing that was committed before is touched.
    """
    try:
        yield
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError):
        raise ConfigError(f"there are no keys for {place}; {_KEYS}") from None
    except boto.ProfileNotFound:
        raise ConfigError("AWS_PROFILE names a profile that does not exist; correct or unset it") from None
    except boto.NoRegionError:
        raise ConfigError("no region is known; set region in the section [storage]") from None
    except boto.ClientError as error:
        raise StorageError(f"{place} refused {error.operation_name}: {_remedy(error, right)}") from None
    except (boto.BotoCoreError, boto.HTTPClientError) as error:
        where = place.storage.endpoint or "Amazon S3"
        raise StorageError(
            f"{where} can't be reached ({type(error).__name__}); see whether the endpoint is right and up, "
            "then run the command again"
        ) from None


def _remedy(error: boto.ClientError, right: str | None) -> str:
    code = code_of(error)
    if code in _REMEDIES:
        return _REMEDIES[code]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if is_denied(error):
        needed = right or _PERMISSIONS.get(error.operation_name, error.operation_name)
        return f"permission denied; give the key the right s3:{needed} on this bucket, or see whether the key is right"
    if status >= 500 or status == 429:
        return f"the store is in trouble (HTTP {status}); run the command again"
    return f"{code} (HTTP {status})"
