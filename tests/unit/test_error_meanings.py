"""Every error of a server's client means one of four things, and its message says which."""

import inspect
import logging

import psycopg
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from kafka import errors as kafka_errors
from obstore.exceptions import PermissionDeniedError

from assets.errors import (
    ItemRefusedError,
    ServerRefusedError,
    ServerUnavailableError,
    StorageFullError,
)
from assets.resources import postgres_errors
from assets.resources.kafka_errors import MEANINGS as KAFKA_MEANINGS
from assets.resources.kafka_errors import meaning as kafka_meaning
from assets.resources.kafka_errors import translated as translated_from_kafka
from assets.resources.postgres_errors import MEANINGS, sqlstate
from assets.resources.s3_errors import server_error

OURS = None
KAFKA_BASES = {kafka_errors.KafkaError, kafka_errors.BrokerResponseError}
KAFKA_CLASSES = {
    one
    for _, one in inspect.getmembers(kafka_errors, inspect.isclass)
    if issubclass(one, kafka_errors.KafkaError)
}
SQLSTATES = {
    one.sqlstate
    for _, one in inspect.getmembers(psycopg.errors, inspect.isclass)
    if issubclass(one, psycopg.Error) and one.sqlstate
}
CONNECTING = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '


def test_the_table_has_every_class_of_errors_of_the_kafka_client():
    for one in KAFKA_CLASSES - KAFKA_BASES:
        assert any(kind in KAFKA_MEANINGS for kind in one.__mro__), one.__name__


def test_the_table_names_no_class_twice_that_its_base_decides_alike():
    for kind, found in KAFKA_MEANINGS.items():
        bases = [KAFKA_MEANINGS[base] for base in kind.__mro__[1:] if base in KAFKA_MEANINGS]
        assert not bases or bases[0] is not found, kind.__name__


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("KafkaConnectionError", ServerUnavailableError),
        ("NotLeaderForPartitionError", ServerUnavailableError),
        ("LeaderNotAvailableError", ServerUnavailableError),
        ("CoordinatorNotAvailableError", ServerUnavailableError),
        ("NotEnoughReplicasError", ServerUnavailableError),
        ("UnknownError", ServerUnavailableError),
        ("TopicAuthorizationFailedError", ServerRefusedError),
        ("GroupAuthorizationFailedError", ServerRefusedError),
        ("SaslAuthenticationFailedError", ServerRefusedError),
        ("UnknownTopicOrPartitionError", ServerRefusedError),
        ("IncompatibleBrokerVersion", ServerRefusedError),
        ("MessageSizeTooLargeError", ItemRefusedError),
        ("CorruptRecordError", ItemRefusedError),
        ("IllegalArgumentError", OURS),
        ("InvalidRequestError", OURS),
        ("KafkaError", OURS),
    ],
)
def test_an_error_of_kafka_means_what_the_table_says(name, means):
    assert kafka_meaning(getattr(kafka_errors, name)("said")) is means


@pytest.mark.parametrize("raised", [ConnectionResetError("reset"), TimeoutError("too slow")])
def test_a_lost_connection_to_kafka_is_a_server_that_does_not_answer(raised):
    with (
        pytest.raises(ServerUnavailableError, match="Kafka at broker:9092 does not answer"),
        translated_from_kafka("broker:9092"),
    ):
        raise raised


@pytest.mark.parametrize(
    "raised", [FileNotFoundError("a file"), kafka_errors.IllegalStateError("a bug")]
)
def test_a_bug_of_our_own_is_raised_as_it_is_and_not_as_kafka(raised):
    with pytest.raises(type(raised)) as found, translated_from_kafka("broker:9092"):
        raise raised
    assert found.value is raised


def connect_in_vain(*failures: Exception) -> None:
    """As kafka-python does: it logs why each attempt failed, and raises that its time is up."""
    for failure in failures:
        logging.getLogger("kafka.net.manager").warning(
            "Bootstrap connection to %s failed: %s (backoff %.2f secs)", "broker", failure, 0.1
        )
    raise kafka_errors.KafkaTimeoutError("Unable to bootstrap")


def test_a_refused_login_that_was_repeated_until_the_end_is_told_as_a_refusal():
    refused, cut_short = kafka_errors.SaslAuthenticationFailedError("no"), TimeoutError("late")
    with (
        pytest.raises(ServerRefusedError, match="SaslAuthenticationFailedError"),
        translated_from_kafka("broker:9092"),
    ):
        connect_in_vain(refused, cut_short)


def test_the_message_names_what_kafka_refused():
    with (
        pytest.raises(ServerRefusedError, match=r"TopicAuthorizationFailedError: images\)"),
        translated_from_kafka("broker:9092"),
    ):
        raise kafka_errors.TopicAuthorizationFailedError("images")


def test_the_table_has_every_class_of_sqlstates():
    assert len(SQLSTATES) > 200
    for state in SQLSTATES:
        assert state in MEANINGS or state[:2] in MEANINGS, state


@pytest.mark.parametrize(
    ("state", "means"),
    [
        ("08006", ServerUnavailableError),  # connection lost
        ("40001", ServerUnavailableError),  # serialization
        ("40P01", ServerUnavailableError),  # deadlock
        ("53100", ServerUnavailableError),  # disk full
        ("53300", ServerUnavailableError),  # too many connections
        ("55P03", ServerUnavailableError),  # lock timeout
        ("57014", ServerUnavailableError),  # statement timeout
        ("57P01", ServerUnavailableError),  # shutting down
        ("57P03", ServerUnavailableError),  # starting up
        ("25P03", ServerUnavailableError),  # idle too long
        ("25006", ServerRefusedError),  # standby
        ("28P01", ServerRefusedError),  # password
        ("3D000", ServerRefusedError),  # no such database
        ("42501", ServerRefusedError),  # privilege
        ("22P02", ItemRefusedError),  # value
        ("23505", ItemRefusedError),  # constraint
        ("42P01", OURS),  # no such table
        ("42601", OURS),  # syntax
        ("25P02", OURS),  # transaction failed before
        ("XX000", OURS),  # a bug of PostgreSQL
    ],
)
def test_an_error_of_postgresql_means_what_the_table_says(state, means):
    assert postgres_errors.meaning(psycopg.errors.lookup(state)("said")) is means


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Connection refused", None),
        ("FATAL:  the database system is starting up", "57P03"),
        ("FATAL:  sorry, too many clients already", "53300"),
        ('FATAL:  too many connections for role "ann"', "53300"),
        ("FATAL:  remaining connection slots are reserved for roles with …", "53300"),
        ('FATAL:  password authentication failed for user "ann"', "28P01"),
        ('FATAL:  database "no" does not exist', "3D000"),
        ('FATAL:  permission denied for database "x"', "42501"),
        ('FATAL:  role "ann" is not permitted to log in', "28000"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "28000"),
        ("fe_sendauth: no password supplied", "28P01"),
    ],
)
def test_a_connection_that_fails_has_the_state_that_its_text_says(text, state):
    assert sqlstate(psycopg.OperationalError(CONNECTING + text)) == state


def test_a_lost_connection_is_a_server_that_does_not_answer():
    lost = psycopg.OperationalError("server closed the connection unexpectedly\n\tat once")
    with (
        pytest.raises(ServerUnavailableError, match=r"\(server closed the connection unexpect"),
        postgres_errors.translated("db:5432"),
    ):
        raise lost


def test_a_wrong_call_of_psycopg_is_our_own_bug():
    with pytest.raises(psycopg.ProgrammingError), postgres_errors.translated("db:5432"):
        raise psycopg.ProgrammingError("the query has 0 placeholders but 1 parameters were passed")


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (403, ServerRefusedError),
        (404, ServerRefusedError),
        (500, ServerUnavailableError),
        (503, ServerUnavailableError),
        (507, StorageFullError),
    ],
)
def test_an_answer_of_s3_means_what_its_status_says(status, means):
    said = {"Error": {"Code": "Said"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = server_error(ClientError(said, "GetObject"), "S3", "here")
    assert type(error) is means


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (EndpointConnectionError(endpoint_url="here"), ServerUnavailableError),
        (PermissionDeniedError("no"), ServerRefusedError),
        (FileNotFoundError("no such bucket"), ServerRefusedError),
        (TimeoutError(), ServerUnavailableError),
    ],
)
def test_an_error_of_a_client_of_s3_means_what_its_class_says(error, means):
    assert type(server_error(error, "S3", "here")) is means
