"""How every Kafka client of the platform reaches the brokers and proves who it is."""

from typing import Any

from assets.settings import Settings


def connection(settings: Settings) -> dict[str, Any]:
    """Returns the arguments of kafka-python's clients for addresses, TLS and credentials.

    With `AWS_MSK_IAM` the client signs with the credentials that boto3 finds.
    """
    password = settings.kafka_sasl_password
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_cafile": settings.kafka_ca_file,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
    }
