"""The embedded stack itself: state that survives, servers that are killed, ports that are taken."""

import socket
import stat

import psutil
import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from assets.errors import StackError
from assets.resources.object_store import ObjectStore
from infra.local.ports import free_ports
from infra.local.server import Health
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.local.warehouses import owner_conninfo


@pytest.fixture
def own_stack(tmp_path):
    made = Stack(StateFolder(tmp_path / "state"), free_ports())
    yield made
    made.stop()


def put_something_everywhere(stack: Stack) -> None:
    settings = stack.settings()
    ObjectStore(settings).put(settings.processed_bucket, "kept", b"object", "x/y")
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    producer.send(settings.kafka_topic, value=b"message", partition=0).get(timeout=10)
    producer.close()
    with psycopg.connect(owner_conninfo(stack)) as connection:
        connection.execute("create table migration.kept as select 'row' as what")


def find_everything(stack: Stack) -> list[object]:
    settings = stack.settings()
    found: list[object] = [ObjectStore(settings).get(settings.processed_bucket, "kept")]
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers)
    partition = TopicPartition(settings.kafka_topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    polled = consumer.poll(timeout_ms=10_000)
    found += [record.value for records in polled.values() for record in records]
    consumer.close()
    with psycopg.connect(owner_conninfo(stack)) as connection:
        found += [row[0] for row in connection.execute("select what from migration.kept")]
    return found


def test_objects_messages_and_rows_survive_a_stop_and_a_start(own_stack):
    own_stack.start()
    put_something_everywhere(own_stack)
    own_stack.stop()
    assert {server.health() for server in own_stack.servers} == {Health.STOPPED}
    own_stack.start()
    assert find_everything(own_stack) == [b"object", b"message", "row"]


def test_objects_messages_and_rows_survive_the_killing_of_every_server(own_stack):
    own_stack.start()
    put_something_everywhere(own_stack)
    for server in own_stack.servers:
        process = server.process()
        process.kill()
        psutil.wait_procs([process], timeout=10)
        assert server.health() is Health.KILLED
    own_stack.start()
    assert find_everything(own_stack) == [b"object", b"message", "row"]


def test_a_second_start_changes_nothing(stack):
    pids = [server.process().pid for server in stack.servers]
    stack.start()
    assert [server.process().pid for server in stack.servers] == pids


def test_nothing_listens_but_on_the_loopback_address(stack):
    addresses = set()
    for server in stack.servers:
        for process in [server.process(), *server.process().children(recursive=True)]:
            listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
            addresses |= {connection.laddr.ip for connection in listening}
    assert addresses == {"127.0.0.1"}


def test_passwords_are_for_their_owner_only(stack):
    for name in ("secrets.json", "env"):
        assert stat.S_IMODE(stack.state.root.joinpath(name).stat().st_mode) == 0o600


def test_a_port_in_use_is_said_with_the_way_out(tmp_path):
    ports = free_ports()
    with socket.create_server(("127.0.0.1", ports.postgres)):
        stack = Stack(StateFolder(tmp_path / "state"), ports)
        with pytest.raises(StackError, match=rf"Port {ports.postgres}.* in use .*POSTGRES_PORT="):
            stack.start()


def test_every_port_is_checked_before_the_first_server_starts(tmp_path):
    ports = free_ports()
    with socket.create_server(("127.0.0.1", ports.kafka)):
        stack = Stack(StateFolder(tmp_path / "state"), ports)
        with pytest.raises(StackError, match=rf"Port {ports.kafka}.* in use .*KAFKA_PORT="):
            stack.start()
    assert not stack.state.root.joinpath("postgres").exists()


def test_a_first_start_that_was_cut_short_is_begun_again(own_stack):
    own_stack.state.mark()
    half_made = own_stack.state.path("postgres.part", "PG_VERSION")
    half_made.write_text("18")
    own_stack.start()
    assert own_stack.servers[0].health() is Health.RUNNING
    assert not half_made.parent.exists()


def test_no_program_of_ours_is_superuser_after_set_up(stack):
    env = stack.environment()
    for name in ("DATABASE_URL", "DATABASE_ADMIN_URL", "DAGSTER_DATABASE_URL"):
        with psycopg.connect(env[name]) as connection:
            [(is_superuser,)] = connection.execute(
                "select usesuper from pg_user where usename = user"
            )
            assert not is_superuser


def test_an_outside_server_is_used_and_none_is_started_in_its_place(stack, tmp_path):
    outside = {
        name: value
        for name, value in stack.environment().items()
        if name.startswith(
            ("AWS_", "KAFKA_", "DATABASE_", "DBT_", "DAGSTER_DATABASE", "ERASURE_KEY")
        )
    }
    other = Stack(StateFolder(tmp_path / "other"), free_ports(), outside=outside)
    assert other.servers == ()
    other.start()
    assert other.settings().kafka_bootstrap_servers == stack.settings().kafka_bootstrap_servers
    assert not other.state.root.joinpath("postgres").exists()
