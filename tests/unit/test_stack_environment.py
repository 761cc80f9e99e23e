"""Where programs find the servers: embedded and outside addresses, and whose credentials."""

from pathlib import Path

import pytest

from assets.errors import StackError
from infra.local.ports import Ports
from infra.local.stack import Stack
from infra.local.state import StateFolder

DATABASE = {
    "DATABASE_URL": "postgresql://loader:hunter2@db.example/warehouse",
    "DATABASE_ADMIN_URL": "postgresql://admin:hunter2@db.example/warehouse",
    "DATABASE_UPLOADER_URL": "postgresql://uploader:hunter3@db.example/warehouse",
    "DAGSTER_DATABASE_URL": "postgresql://dagster:hunter2@db.example/dagster",
    "DBT_HOST": "db.example",
    "DBT_USER": "builder",
    "DBT_ENV_SECRET_PASSWORD": "hunter2",
    "ERASURE_KEY": "hunter4",
}
OBJECT_STORE = {"AWS_ENDPOINT_URL": "https://s3.example"}
BROKERS = {"KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"}
OWN_AWS = {"AWS_PROFILE": "me", "AWS_SESSION_TOKEN": "mine"}
EVERYTHING = DATABASE | OBJECT_STORE | BROKERS


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path)


def test_with_every_address_outside_nothing_embedded_starts(state: StateFolder) -> None:
    assert Stack(state, outside=EVERYTHING).servers == ()


def test_with_every_address_outside_each_is_passed_on(state: StateFolder) -> None:
    environment = Stack(state, outside=EVERYTHING).environment()
    assert environment.items() >= EVERYTHING.items()


def test_with_every_address_outside_no_password_is_made(state: StateFolder) -> None:
    Stack(state, outside=EVERYTHING).environment()
    assert not state.path("secrets.json").exists()


def test_beside_an_outside_database_object_store_and_broker_start_in_that_order(
    state: StateFolder,
) -> None:
    assert [server.name for server in Stack(state, outside=DATABASE).servers] == [
        "object_store",
        "kafka",
    ]


def test_an_outside_database_keeps_its_address_beside_embedded_servers(state: StateFolder) -> None:
    environment = Stack(state, outside=DATABASE).environment()
    assert environment.items() >= DATABASE.items()


def test_embedded_servers_are_found_at_their_ports(state: StateFolder) -> None:
    environment = Stack(state, Ports(s3=1111, kafka=2222), outside=DATABASE).environment()
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1111"
    assert environment["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:2222"


@pytest.mark.parametrize("name", sorted(OWN_AWS))
def test_the_embedded_object_store_hides_a_persons_own_aws_account(
    state: StateFolder, name: str
) -> None:
    assert name not in Stack(state, outside=DATABASE | OWN_AWS).environment()


def test_the_embedded_object_store_hides_a_persons_own_keys(state: StateFolder) -> None:
    own = {"AWS_ACCESS_KEY_ID": "AKIAMINE", "AWS_SECRET_ACCESS_KEY": "mine"}
    environment = Stack(state, outside=DATABASE | own).environment()
    assert environment["AWS_ACCESS_KEY_ID"] == "operator"
    assert environment["AWS_SECRET_ACCESS_KEY"] == state.secrets().s3_operator


def test_an_outside_object_store_is_used_with_a_persons_own_account(state: StateFolder) -> None:
    environment = Stack(state, outside=EVERYTHING | OWN_AWS).environment()
    assert environment.items() >= OWN_AWS.items()


def test_a_region_that_is_set_is_kept(state: StateFolder) -> None:
    environment = Stack(state, outside=DATABASE | {"AWS_DEFAULT_REGION": "us-west-2"}).environment()
    assert environment["AWS_DEFAULT_REGION"] == "us-west-2"


def test_an_outside_database_without_its_other_variables_is_told_by_their_names(
    state: StateFolder,
) -> None:
    outside = {"DATABASE_URL": DATABASE["DATABASE_URL"]}
    with pytest.raises(StackError) as refused:
        Stack(state, outside=outside).environment()
    assert str(refused.value) == (
        "An outside database also needs DATABASE_ADMIN_URL, DATABASE_UPLOADER_URL, "
        "DAGSTER_DATABASE_URL, DBT_HOST, DBT_USER, DBT_ENV_SECRET_PASSWORD, ERASURE_KEY; "
        "see .env.example."
    )


def test_an_outside_object_store_without_brokers_is_told_with_both_ways_out(
    state: StateFolder,
) -> None:
    with pytest.raises(StackError, match=r"set KAFKA_BOOTSTRAP_SERVERS.*or leave AWS_ENDPOINT_URL"):
        Stack(state, outside=DATABASE | OBJECT_STORE).environment()


def test_the_platforms_settings_can_be_read_from_it(state: StateFolder) -> None:
    settings = Stack(state, outside=DATABASE).settings()
    assert settings.kafka_bootstrap_servers == "127.0.0.1:19092"


def test_a_stack_shows_no_password(state: StateFolder) -> None:
    stack = Stack(state, outside=DATABASE)
    assert stack.environment()
    assert "hunter2" not in repr(stack)
    shown = f"{stack!r} {stack.servers!r}"
    assert [one for one in state.secrets().of_object_store.values() if one in shown] == []
