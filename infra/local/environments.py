"""What each program is given: settings that are no secrets, and its own secrets only.

The commands and `darkroom shell` have everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from assets.job_families import JobFamily
from assets.settings import UploadSettings, WebServerSettings
from infra.object_store.programs import secret_variable

Names = tuple[str, ...]
"""Names of variables, with `*` for any characters."""


@dataclass(frozen=True)
class Secrets:
    """Which secrets a program holds: the variables, and its key of the object store.

    Args:
        object_store: Its name in `infra/object_store/access.yaml`; None for a program without
            access. An outside store's key is that of the environment, of whatever kind boto3 reads.
    """

    variables: Names = ()
    object_store: str | None = None


_OBJECT_STORE: Final[Names] = ("AWS_*",)
# With it the upload API signs whose an object is, and registration verifies that.
_UPLOAD_SIGNING: Final[Names] = ("UPLOAD_SIGNING_KEY",)
# With it programs that register, process or erase images recognise what was erased.
_ERASURES: Final[Names] = ("ERASURE_KEY",)
_STORAGE: Final[Names] = ("DAGSTER_DATABASE_URL",)
_LOADER: Final[Names] = ("DATABASE_URL",)
_BROKERS: Final[Names] = ("KAFKA_SASL_*",)
_BUILDER: Final[Names] = ("DBT_ENV_SECRET_PASSWORD",)
_RECEIPTS: Final[Names] = (
    *("RECEIPT_SIGNING_KEY", "RECEIPTS_ACCESS_KEY_ID", "RECEIPTS_SECRET_ACCESS_KEY"),
)
_SETTINGS = {
    name.upper() for kind in (UploadSettings, WebServerSettings) for name in kind.model_fields
}
_SECRET_SETTINGS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "KAFKA_SASL_PASSWORD")
_PUBLIC: Final[Names] = (
    *(_SETTINGS - {*_LOADER, *_RECEIPTS, *_UPLOAD_SIGNING, *_ERASURES, *_SECRET_SETTINGS}),
    *("DAGSTER_HOME", "LOGS_FOLDER", "DBT_HOST", "DBT_PORT", "DBT_USER", "DBT_DBNAME"),
    *("AWS_CA_BUNDLE", "PGSSL*", "HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"),
)

UPLOAD_API: Final = Secrets((*_UPLOAD_SIGNING, *_ERASURES), "upload_api")
CODE_SERVER: Final = Secrets((*_STORAGE, *_LOADER, *_BROKERS), "code_server")
"""Its sensors ask every server for work."""

DAEMON: Final = Secrets(_STORAGE)
WEB_SERVER: Final = Secrets(_STORAGE, "web_server")
"""It shows the compute logs, which are objects."""

FAMILIES: Final[Mapping[JobFamily, Secrets]] = {
    family: Secrets((*_STORAGE, *own), family.value)
    for family, own in {
        JobFamily.ACCESS: _LOADER,
        JobFamily.INGESTION: (*_LOADER, *_BROKERS, *_UPLOAD_SIGNING, *_ERASURES),
        JobFamily.PROCESSING: (*_LOADER, *_ERASURES),
        JobFamily.RETENTION: (*_LOADER, *_BROKERS, *_RECEIPTS, *_ERASURES),
        JobFamily.VIEWS: _BUILDER,
    }.items()
}


def environment_with(secrets: Secrets, env: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of a program that holds these secrets."""
    program = secrets.object_store
    names = (*_PUBLIC, *secrets.variables, *(_OBJECT_STORE if program else ()))
    own = {
        name: value for name, value in env.items() if any(fnmatchcase(name, one) for one in names)
    }
    if program and (secret := env.get(secret_variable(program))):
        own |= {"AWS_ACCESS_KEY_ID": program, "AWS_SECRET_ACCESS_KEY": secret}
    return own


def environment_file(dagster_home: Path, family: str) -> Path:
    """Returns the file with the whole environment of a family's runs, as a JSON object."""
    return dagster_home / "environments" / f"{family}.json"
