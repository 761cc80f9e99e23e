"""Apache Kafka behind TLS and a password: every client of the platform has both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from assets.errors import ServerError, ServerRefusedError
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.resources.event_log import EventLog, administrator
from assets.resources.messages import Position, TopicState
from assets.settings import Settings
from infra.kafka.topics import provision_topic
from infra.local.apache_kafka import apache_kafka_server, prepare_apache_kafka
from infra.local.ports import Ports, free_ports
from infra.local.state import StateFolder
from tests.unit.arrivals import some_settings

# The brokers' own listener stays open to itself and to the test, which adds the user there.
LISTENER = """
listeners=PLAINTEXT://127.0.0.1:{open},SASL_SSL://127.0.0.1:{closed},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{open},SASL_SSL://127.0.0.1:{closed}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\\
    org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
"""
FORBIDDEN = "forbidden"
USER, PASSWORD = "darkroom", "a password of many words"


@pytest.fixture(scope="module")
def ports() -> Ports:
    return free_ports()


@pytest.fixture(scope="module")
def broker(ports, tmp_path_factory) -> Iterator[Path]:
    """Starts the broker with a user; yields the file with its authority."""
    folder, authority = tmp_path_factory.mktemp("kafka"), trustme.CA()
    state = StateFolder(folder / "state")
    served, keystore = authority.issue_cert("127.0.0.1"), folder / "keystore.pem"
    key = load_pem_private_key(served.private_key_pem.bytes(), password=None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keystore.write_bytes(pkcs8 + served.cert_chain_pems[0].bytes())
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    prepare_apache_kafka(state, ports, ports.kafka)
    properties = state.path("apache_kafka", "server.properties")
    changed = LISTENER.format(
        open=ports.kafka, closed=ports.s3, controller=ports.kafka_controller, keystore=keystore
    )
    properties.write_text(properties.read_text() + changed)  # the last line of a name counts
    server = apache_kafka_server(state, ports)
    try:
        server.start()
        user = UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_512, PASSWORD)
        with administrator(some_settings(kafka_bootstrap_servers=server.address)) as admin:
            assert admin.alter_user_scram_credentials([user]) == {USER: None}
            pattern = ResourcePattern(ResourceType.TOPIC, FORBIDDEN)
            may_see = (ACLOperation.CREATE, ACLOperation.DESCRIBE, ACLOperation.DESCRIBE_CONFIGS)
            allowed = [
                ACL(f"User:{USER}", "*", one, ACLPermissionType.ALLOW, pattern) for one in may_see
            ]
            assert not admin.create_acls(allowed)["failed"]
        yield folder / "authority.pem"
    finally:
        server.stop()


@pytest.fixture
def settings(ports, broker) -> Settings:
    return some_settings(
        kafka_bootstrap_servers=f"127.0.0.1:{ports.s3}",
        kafka_security_protocol="SASL_SSL",
        kafka_ca_file=str(broker),
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username=USER,
        kafka_sasl_password=PASSWORD,
    )


def test_messages_are_sent_and_read_with_a_password_by_tls(settings):
    provision_topic(settings)
    image = OutgoingImage("a.jpg", b"bytes")
    assert send(settings, [image], lambda _: None) == []
    log = EventLog(settings)
    topic = log.read_state(settings.kafka_topic)
    read = []
    with log.reader(topic, positions_of(topic)) as reader:
        while not reader.is_at_end():
            read += reader.read(1).messages
    assert [message.value for message in read] == [b"bytes"]


@pytest.mark.parametrize(
    "changed", [{"kafka_sasl_password": "another"}, {"kafka_sasl_username": "somebody"}]
)
def test_a_refused_password_is_soon_named(settings, changed):
    """kafka-python often sees the connection end before it has read the brokers' answer."""
    other = with_changes(settings, **changed)
    told = []
    while not any("SaslAuthenticationFailedError" in one for one in told):
        assert len(told) < 10
        with pytest.raises(ServerError) as raised:
            EventLog(other).read_state(other.kafka_topic)
        told.append(str(raised.value))
        assert PASSWORD not in told[-1]
    assert raised.type is ServerRefusedError


@pytest.mark.parametrize(
    "changed",
    [
        {"kafka_security_protocol": "PLAINTEXT", "kafka_sasl_mechanism": ""},
        {"kafka_security_protocol": "SSL", "kafka_sasl_mechanism": ""},
        {"kafka_ca_file": ""},
    ],
)
def test_without_password_or_authority_nothing_is_answered(settings, changed):
    other = with_changes(settings, **changed)
    with pytest.raises(ServerError) as raised:
        EventLog(other).read_state(other.kafka_topic)
    assert PASSWORD not in str(raised.value)


def test_a_topic_that_the_user_may_not_read_or_write_is_refused_by_name(settings):
    forbidden = with_changes(settings, kafka_topic=FORBIDDEN)
    provision_topic(forbidden)
    log = EventLog(forbidden)
    topic = log.read_state(FORBIDDEN)
    with (
        pytest.raises(ServerRefusedError, match=r"TopicAuthorizationFailedError.*forbidden"),
        log.reader(topic, positions_of(topic)) as reader,
    ):
        reader.read(10)
    with pytest.raises(ServerRefusedError, match="TopicAuthorizationFailedError"):
        send(forbidden, [OutgoingImage("a.jpg", b"bytes")], lambda _: None)


def positions_of(topic: TopicState) -> dict[int, Position]:
    return {partition: Position(offset, 0) for partition, offset in topic.beginnings.items()}


def with_changes(settings: Settings, **changed: str) -> Settings:
    password = settings.kafka_sasl_password.get_secret_value()
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return some_settings(**given | {"kafka_sasl_password": password} | changed)
