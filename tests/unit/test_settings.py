"""Settings: what is missing or out of range is named, and what is secret is never shown."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.resources.brokers import connection
from assets.settings import Settings
from tests.unit.arrivals import REQUIRED, some_settings

PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def refusal(variables: dict[str, str]) -> str:
    with pytest.raises(ValidationError) as refused:
        Settings.of(variables)
    return str(refused.value)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_missing_variable_is_named(name: str) -> None:
    given_ = {other: value for other, value in REQUIRED.items() if other != name}
    assert f"{name.lower()}\n  Field required" in refusal(given_)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_missing_variable_shows_no_password_of_those_that_are_there(name: str) -> None:
    given_ = REQUIRED | {"AWS_SECRET_ACCESS_KEY": PASSWORD}
    del given_[name]
    assert PASSWORD not in refusal(given_)


def test_one_missing_variable_shows_no_password_of_the_only_other() -> None:
    assert PASSWORD not in refusal({"DATABASE_URL": "postgresql://u:hunter2@h/d"})


@pytest.mark.parametrize("hours", ["169", "0", "-1", "a week"])
def test_a_retention_that_is_none_up_to_seven_days_is_refused_by_name(hours: str) -> None:
    assert "retention_hours" in refusal(REQUIRED | {"RETENTION_HOURS": hours})


@pytest.mark.parametrize("hours", ["11", "168"])
def test_a_retention_of_up_to_seven_days_is_accepted(hours: str) -> None:
    assert some_settings(retention_hours=hours).retention == timedelta(hours=int(hours))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_budget_seconds", "0"),
        ("run_linger_seconds", "-1"),
        ("sweep_interval_seconds", "0"),
        ("sweep_pages", "0"),
        ("processing_workers", "0"),
        ("kafka_chunk_bytes", "1000"),
        ("kafka_hole_seconds", "-1"),
        ("retention_margin_hours", "0"),
    ],
)
def test_a_limit_out_of_range_is_refused_by_name(name: str, value: str) -> None:
    assert name in refusal(REQUIRED | {name.upper(): value})


def test_the_purge_takes_an_image_its_margin_before_the_retention() -> None:
    assert some_settings().purge_age == timedelta(hours=158)


@given(st.integers(-5, 200), st.integers(-5, 200))
def test_no_accepted_settings_make_the_purge_impossible(hours: int, margin: int) -> None:
    """A purge needs an age above zero, and one that is not above the retention."""
    try:
        settings = some_settings(retention_hours=str(hours), retention_margin_hours=str(margin))
    except ValidationError:
        return
    assert timedelta(0) < settings.purge_age < settings.retention


def test_no_form_of_the_settings_shows_a_secret() -> None:
    settings = some_settings(aws_secret_access_key=PASSWORD)
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert PASSWORD not in shown


def test_a_secret_is_there_for_who_asks_for_it() -> None:
    assert PASSWORD in some_settings().database_url.get_secret_value()


def test_settings_cannot_be_changed_on_the_way() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        some_settings().retention_hours = 200


def test_variables_that_are_not_ours_are_left_alone() -> None:
    assert Settings.of(REQUIRED | {"HOME": "/root"}) == some_settings()


def test_given_variables_count_more_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_TOPIC", "theirs")
    assert some_settings(kafka_topic="ours").kafka_topic == "ours"


def test_what_is_not_given_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_TOPIC", "theirs")
    assert some_settings().kafka_topic == "theirs"


@pytest.mark.parametrize("name", ["KAFKA_TOPIC", "PROCESSING_RUNS", "AWS_ENDPOINT_URL"])
def test_an_empty_variable_counts_as_unset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = some_settings()
    assert Settings.of(REQUIRED | {name: ""}) == expected
    monkeypatch.setenv(name, "")
    assert some_settings() == expected


def test_the_buckets_of_images_are_raw_processed_and_quarantine() -> None:
    assert some_settings(
        raw_bucket="r", processed_bucket="p", quarantine_bucket="q"
    ).image_buckets == (
        "r",
        "p",
        "q",
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
        {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"},
        {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"},
    ],
)
def test_a_way_to_prove_who_one_is_belongs_to_a_protocol_that_asks(
    variables: dict[str, str],
) -> None:
    assert "KAFKA_SASL_MECHANISM is needed with" in refusal(REQUIRED | variables)


def test_kafka_is_reached_as_the_settings_say() -> None:
    settings = some_settings(
        kafka_security_protocol="SASL_SSL",
        kafka_ca_file="ca.pem",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="me",
        kafka_sasl_password=PASSWORD,
    )
    assert connection(settings) == {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": "SASL_SSL",
        "ssl_cafile": "ca.pem",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "me",
        "sasl_plain_password": PASSWORD,
    }
    assert PASSWORD not in repr(settings)
