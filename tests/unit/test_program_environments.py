"""What each program is given: which secrets, and that settings without secrets reach everybody."""

import json
from pathlib import Path

import pytest

from assets.job_families import JobFamily
from infra.local.dagster import prepare_dagster_home
from infra.local.environments import FAMILIES, Secrets, environment_file, environment_with
from infra.local.ports import Ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from tests.unit.test_stack_environment import DATABASE, EVERYTHING, OWN_AWS

ADMIN, UPLOADER = EVERYTHING["DATABASE_ADMIN_URL"], EVERYTHING["DATABASE_UPLOADER_URL"]
LOADER, STORAGE = EVERYTHING["DATABASE_URL"], EVERYTHING["DAGSTER_DATABASE_URL"]
BUILDER, BROKERS, STORE, SIGNING = "builder's", "broker's", "store's", "the signer's"
ERASURES = "the eraser's"
SECRETS = {ADMIN, UPLOADER, LOADER, STORAGE, BUILDER, BROKERS, STORE, SIGNING, ERASURES}
OUTSIDE = (
    EVERYTHING
    | OWN_AWS
    | {
        "DBT_ENV_SECRET_PASSWORD": BUILDER,
        "KAFKA_SASL_PASSWORD": BROKERS,
        "AWS_SECRET_ACCESS_KEY": STORE,
        "UPLOAD_SIGNING_KEY": SIGNING,
        "ERASURE_KEY": ERASURES,
        "RAW_BUCKET": "theirs",
        "UNKNOWN_TOKEN": ADMIN,
    }
)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(StateFolder(tmp_path), Ports(), OUTSIDE)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("upload_api", {UPLOADER, STORE, SIGNING, ERASURES}),
        ("code_server", {STORAGE, LOADER, BROKERS, STORE}),
        ("daemon", {STORAGE}),
        ("web_server", {STORAGE, STORE}),
        ("edge", set()),
    ],
)
def test_a_program_holds_its_own_secrets_only(stack: Stack, program: str, expected: set) -> None:
    [server] = [one for one in stack.programs if one.name == program]
    assert SECRETS & set(server.env.values()) == expected


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (JobFamily.ACCESS, {LOADER}),
        (JobFamily.INGESTION, {LOADER, BROKERS, SIGNING, ERASURES}),
        (JobFamily.PROCESSING, {LOADER, ERASURES}),
        (JobFamily.RETENTION, {LOADER, BROKERS, ERASURES}),
        (JobFamily.VIEWS, {BUILDER}),
    ],
)
def test_a_run_holds_the_secrets_of_its_family_only(
    stack: Stack, family: JobFamily, expected: set
) -> None:
    prepare_dagster_home(stack.state, stack.environment())
    file = environment_file(stack.state.path("dagster"), family)
    given = json.loads(file.read_text())
    assert SECRETS & set(given.values()) == expected | {STORAGE, STORE}
    assert "PATH" in given
    assert file.stat().st_mode & 0o777 == 0o600


def test_every_family_has_an_environment() -> None:
    assert FAMILIES.keys() == set(JobFamily)


def test_settings_without_secrets_are_for_everybody() -> None:
    assert environment_with(Secrets(), OUTSIDE)["RAW_BUCKET"] == "theirs"


@pytest.mark.parametrize("program", ["upload_api", "code_server", "daemon", "web_server", "edge"])
def test_of_the_keys_of_the_embedded_object_store_a_program_holds_its_own(
    tmp_path: Path, program: str
) -> None:
    stack = Stack(StateFolder(tmp_path), Ports(), DATABASE)
    [server] = [one for one in stack.programs if one.name == program]
    keys, values = stack.state.secrets().of_object_store, set(server.env.values())
    held = {name for name, secret in keys.items() if secret in values}
    assert held == {program} & keys.keys()
    assert server.env.get("AWS_ACCESS_KEY_ID") == (program if held else None)


@pytest.mark.parametrize("family", JobFamily)
def test_of_the_keys_of_the_embedded_object_store_a_run_holds_those_of_its_family(
    tmp_path: Path, family: JobFamily
) -> None:
    stack = Stack(StateFolder(tmp_path), Ports(), DATABASE)
    given = environment_with(FAMILIES[family], stack.environment())
    keys = stack.state.secrets().of_object_store
    archive = {"archive"} if family is JobFamily.RETENTION else set()
    assert {name for name in keys if keys[name] in given.values()} == {family.value} | archive
    assert given["AWS_ACCESS_KEY_ID"] == family.value


def test_the_programs_start_in_the_order_in_which_they_need_each_other(stack: Stack) -> None:
    names = [server.name for server in stack.programs]
    assert names == ["upload_api", "code_server", "daemon", "web_server", "edge"]
