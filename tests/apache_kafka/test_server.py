"""Apache Kafka as a server of the embedded stack: data that survive, topics as the file says."""

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from infra.local.server import Health

MEBIBYTE = 2**20


def send(settings, value: bytes) -> int:
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, max_request_size=12 * MEBIBYTE
    )
    sent = producer.send(settings.kafka_topic, value=value, partition=0).get(timeout=30)
    producer.close()
    return sent.offset


def received(settings) -> list[bytes]:
    """Reads partition 0 from its beginning to its end."""
    partition = TopicPartition(settings.kafka_topic, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        max_partition_fetch_bytes=12 * MEBIBYTE,
    )
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    [end] = consumer.end_offsets([partition]).values()
    found: list[bytes] = []
    while consumer.position(partition) < end:
        polled = consumer.poll(timeout_ms=1000)
        found += [record.value for records in polled.values() for record in records]
    consumer.close()
    return found


def test_messages_survive_a_stop_and_a_start(apache_kafka, stack, settings):
    send(settings, b"kept")
    apache_kafka.stop()
    assert apache_kafka.health() is Health.STOPPED
    stack.start()
    assert received(settings) == [b"kept"]


def test_acknowledged_messages_survive_a_killing_without_warning(apache_kafka, stack, settings):
    for number in range(20):
        send(settings, str(number).encode())
    process = apache_kafka.process()
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert apache_kafka.health() is Health.KILLED
    stack.start()
    assert received(settings) == [str(number).encode() for number in range(20)]


def test_a_message_of_the_largest_image_passes(apache_kafka, settings):
    largest = b"\xff" * 10 * MEBIBYTE
    send(settings, largest)
    assert received(settings) == [largest]


def test_the_topic_has_the_configuration_of_its_file(apache_kafka, settings):
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    resource = ConfigResource(ConfigResourceType.TOPIC, settings.kafka_topic)
    told = admin.describe_configs([resource])
    admin.close()
    assert "540000000" in str(told)
    assert "LogAppendTime" in str(told)
    assert "12582912" in str(told)


def test_it_listens_on_the_loopback_address_only(apache_kafka):
    process = apache_kafka.process()
    listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    addresses = {connection.laddr.ip.removeprefix("::ffff:") for connection in listening}
    assert addresses == {"127.0.0.1"}


def test_a_message_beyond_the_topics_limit_is_refused(apache_kafka, settings):
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, max_request_size=20 * MEBIBYTE
    )
    sent = producer.send(settings.kafka_topic, value=b"\xff" * 13 * MEBIBYTE, partition=0)
    with pytest.raises(Exception, match=r"MessageSizeTooLarge|RecordTooLarge"):
        sent.get(timeout=30)
    producer.close()
