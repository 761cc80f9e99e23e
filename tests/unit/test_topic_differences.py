"""How a difference between a topic and its description is reported."""

import pytest

from infra.kafka.topics import Difference


@pytest.mark.parametrize(
    ("difference", "sentence"),
    [
        (Difference("partitions", "2", "3"), "partitions is 2; the file says 3"),
        (Difference("topic", None, "3 partitions"), "topic is missing; the file says 3 partitions"),
        (
            Difference("cleanup.policy", "compact", None),
            "cleanup.policy is compact; the file does not mention it",
        ),
    ],
)
def test_a_difference_is_said_in_a_sentence(difference: Difference, sentence: str) -> None:
    assert str(difference) == sentence
