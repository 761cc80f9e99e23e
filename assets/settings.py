"""The one reader of the environment: which servers, which buckets, which limits.

Laptop and AWS differ in these values only. Nothing here is read at import; whoever needs settings
calls `Settings()` when its work begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the platform; a field is the environment variable of its name in upper case.

    Raises `pydantic.ValidationError` when a variable is missing or out of range.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr = Field(description="PostgreSQL warehouse, as the loading role")

    aws_default_region: str = "eu-central-1"
    aws_endpoint_url: str | None = Field(
        None, description="unset on AWS; the S3 and SQS address elsewhere"
    )
    aws_access_key_id: str | None = Field(None, description="unset: boto3's own credential chain")
    aws_secret_access_key: SecretStr | None = None
    raw_bucket: str = "darkroom-raw"
    processed_bucket: str = "darkroom-processed"
    quarantine_bucket: str = "darkroom-quarantine"
    logs_bucket: str = Field("darkroom-logs", description="compute logs of Dagster's runs")
    raw_events_queue: str = "darkroom-raw-events"

    kafka_bootstrap_servers: str
    kafka_topic: str = "images"
    kafka_group: str = "darkroom-landing"

    retention_hours: int = Field(
        168, ge=1, le=168, description="age at which an image must be gone"
    )
    retention_margin_hours: int = Field(2, ge=1, description="how much earlier the purge takes it")

    run_budget_seconds: float = Field(
        240, gt=0, description="after this a run stops taking new work"
    )
    run_linger_seconds: float = Field(
        5, ge=0, description="how long a run waits for more work when idle"
    )
    sweep_interval_seconds: float = Field(
        600, gt=0, description="time between listings of the raw bucket"
    )
    processing_workers: int = Field(2, ge=1)

    @model_validator(mode="after")
    def _purges_after_arrival(self) -> Self:
        if self.retention_margin_hours >= self.retention_hours:
            raise ValueError(
                "RETENTION_MARGIN_HOURS must be less than RETENTION_HOURS: "
                "an image cannot be purged before it arrives"
            )
        return self

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Settings:
        """Reads the settings from the given variables, and from the environment what they lack."""
        named = {name: variables.get(name.upper()) for name in cls.model_fields}
        return cls(**{name: value for name, value in named.items() if value is not None})  # type: ignore[arg-type]

    @property
    def image_buckets(self) -> tuple[str, str, str]:
        """The buckets that hold copies of images."""
        return self.raw_bucket, self.processed_bucket, self.quarantine_bucket

    @property
    def sweep_interval(self) -> timedelta:
        """Time between two listings of the raw bucket."""
        return timedelta(seconds=self.sweep_interval_seconds)

    @property
    def retention(self) -> timedelta:
        """Age at which no copy of an image may exist any more."""
        return timedelta(hours=self.retention_hours)

    @property
    def purge_age(self) -> timedelta:
        """Age at which the purge takes an image: the retention less its margin."""
        return self.retention - timedelta(hours=self.retention_margin_hours)
