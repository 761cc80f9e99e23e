"""What each program is given: settings that are no secrets, and its own secrets only.

The commands and `darkroom shell` have everything.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from assets.job_families import JobFamily
from assets.settings import UploadSettings, WebServerSettings

Names = tuple[str, ...]
"""Names of variables, with `*` for any characters."""

OBJECT_STORE: Final[Names] = ("AWS_*",)
"""Credentials of whatever kind boto3 reads."""
UPLOAD_SIGNING: Final[Names] = ("UPLOAD_SIGNING_KEY",)
"""With it the upload API signs whose an object is, and registration verifies that."""

_STORAGE: Final[Names] = ("DAGSTER_DATABASE_URL",)
_LOADER: Final[Names] = ("DATABASE_URL",)
_BROKERS: Final[Names] = ("KAFKA_SASL_*",)
_BUILDER: Final[Names] = ("DBT_ENV_SECRET_PASSWORD",)
_SIGNING: Final[Names] = ("RECEIPT_SIGNING_KEY",)
_SETTINGS = {
    name.upper() for kind in (UploadSettings, WebServerSettings) for name in kind.model_fields
}
_SECRET_SETTINGS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "KAFKA_SASL_PASSWORD")
_PUBLIC: Final[Names] = (
    *(_SETTINGS - {*_LOADER, *_SIGNING, *UPLOAD_SIGNING, *_SECRET_SETTINGS}),
    *("DAGSTER_HOME", "LOGS_FOLDER", "DBT_HOST", "DBT_PORT", "DBT_USER", "DBT_DBNAME"),
    *("AWS_CA_BUNDLE", "PGSSL*", "HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"),
)

CODE_SERVER: Final[Names] = (*_STORAGE, *_LOADER, *OBJECT_STORE, *_BROKERS)
"""Its sensors ask every server for work."""

DAEMON: Final[Names] = _STORAGE
WEB_SERVER: Final[Names] = (*_STORAGE, *OBJECT_STORE)
"""It shows the compute logs, which are objects."""

FAMILIES: Final[Mapping[JobFamily, Names]] = {
    family: (*_STORAGE, *OBJECT_STORE, *own)  # each run stores its compute logs
    for family, own in {
        JobFamily.ACCESS: _LOADER,
        JobFamily.INGESTION: (*_LOADER, *_BROKERS, *UPLOAD_SIGNING),
        JobFamily.PROCESSING: _LOADER,
        JobFamily.RETENTION: (*_LOADER, *_BROKERS, *_SIGNING),
        JobFamily.VIEWS: _BUILDER,
    }.items()
}


def environment_with(secrets: Names, env: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of a program that holds these secrets."""
    names = (*_PUBLIC, *secrets)
    return {
        name: value for name, value in env.items() if any(fnmatchcase(name, one) for one in names)
    }


def environment_file(dagster_home: Path, family: str) -> Path:
    """Returns the file with the whole environment of a family's runs, as a JSON object."""
    return dagster_home / "environments" / f"{family}.json"
