"""Errors of the Kafka commands: each is one sentence that says what is wrong and what to do."""

from __future__ import annotations


class KafkaCommandError(Exception):
    """Something about topics or files to send that a person can mend; the message says how."""
