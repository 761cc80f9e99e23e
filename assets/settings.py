"""The one reader of the environment, when work begins: which servers, buckets and limits."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_WARN_AT = 0.95
_MIB = 1024 * 1024

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]


class _EnvironmentSettings(BaseSettings):
    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )


class BucketSettings(_EnvironmentSettings):
    """Names in the object store, for programs that need no server's address."""

    raw_bucket: str = "darkroom-raw"
    processed_bucket: str = "darkroom-processed"
    quarantine_bucket: str = "darkroom-quarantine"
    logs_bucket: str = Field("darkroom-logs", description="compute logs of Dagster's runs")
    receipts_bucket: str = Field(
        "darkroom-receipts", description="receipts of what was deleted, out of the database's reach"
    )
    raw_events_queue: str = "darkroom-raw-events"

    @property
    def image_buckets(self) -> tuple[str, str, str]:
        """The buckets that hold copies of images."""
        return self.raw_bucket, self.processed_bucket, self.quarantine_bucket


class RetentionSettings(_EnvironmentSettings):
    """Settings of retention, for programs that need no server's address."""

    retention_hours: int = Field(168, ge=1, le=168, description="age at which an image is gone")
    retention_margin_hours: Count = Field(10, description="how much earlier the purge deletes it")
    purge_most_share: Share = Field(
        0.5, description="largest share of all images that a purge deletes unconfirmed"
    )
    purge_free_images: int = Field(
        10_000, ge=0, description="images that a purge deletes unconfirmed, whatever their share"
    )
    purge_time_share: Share = Field(
        0.15, description="share of the time that a purge spends deleting while images arrive"
    )

    @model_validator(mode="after")
    def _purges_after_arrival(self) -> Self:
        if self.retention_margin_hours >= self.retention_hours:
            raise ValueError(
                "RETENTION_MARGIN_HOURS must be less than RETENTION_HOURS: "
                "an image cannot be purged before it arrives"
            )
        return self

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """Reads the settings from the given variables, and from the environment what they lack."""
        values = {name: variables.get(name.upper()) for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in values.items() if value})

    @property
    def retention(self) -> timedelta:
        """Age at which no copy of an image may exist any more."""
        return timedelta(hours=self.retention_hours)

    @property
    def purge_age(self) -> timedelta:
        """Age at which the purge takes an image: the retention less its margin."""
        return self.retention - timedelta(hours=self.retention_margin_hours)

    @property
    def warning_age(self) -> timedelta:
        """Age from which the checks of retention warn: it leaves time to fix what is wrong."""
        return self.retention * _WARN_AT

    @property
    def dbt_variables(self) -> tuple[str, str]:
        """The arguments that give dbt its variables; the project has no defaults for them."""
        return "--vars", json.dumps({"retention_hours": self.retention_hours})


class Settings(RetentionSettings, BucketSettings):
    """Settings of the platform; a field is the environment variable of its name in upper case.

    Raises `pydantic.ValidationError` when a variable is missing or out of range.
    """

    database_url: SecretStr = Field(description="PostgreSQL warehouse, as the loading role")

    aws_default_region: str = "eu-central-1"
    aws_endpoint_url: str | None = Field(None, description="address of S3 and SQS; unset on AWS")
    aws_access_key_id: str | None = Field(None, description="unset: boto3's own credential chain")
    aws_secret_access_key: SecretStr | None = None
    aws_ca_bundle: str | None = Field(
        None, description="file with the certificates that S3's is checked with; unset: the usual"
    )
    receipts_access_key_id: str | None = Field(
        None, description="key for the receipts bucket; unset: the one for all buckets"
    )
    receipts_secret_access_key: SecretStr | None = None
    receipts_lock_days: Count = Field(
        1, description="how long the store keeps a receipt from being deleted or overwritten"
    )
    receipt_signing_key: str = Field(
        "", description="what signs receipts: file:PATH of an Ed25519 key, or the ARN of a KMS key"
    )

    kafka_bootstrap_servers: str
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca_file: str | None = Field(
        None, description="certificates that the brokers' are checked with; unset: the system's"
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "AWS_MSK_IAM"] | None = None
    kafka_sasl_username: str | None = Field(None, description="not for AWS_MSK_IAM")
    kafka_sasl_password: SecretStr | None = None
    kafka_topic: str = "images"
    kafka_group: str = "darkroom-landing"
    kafka_chunk_bytes: int = Field(
        32 * _MIB,
        ge=_MIB,
        description="messages that a landing run holds at once; one is held whatever its size",
    )
    kafka_hole_seconds: float = Field(
        60, ge=0, description="how long a missing offset may still fill, where brokers do that"
    )

    upload_signing_key: SecretStr | None = Field(
        None, description="key with which the upload API signs whose an object is"
    )

    erasure_key: SecretStr | None = Field(
        None, description="key of the hashes by which erased images are recognised"
    )

    run_budget_seconds: Seconds = Field(600, description="after this a run takes no new work")
    run_linger_seconds: float = Field(20, ge=0, description="how long an idle run waits for more")
    sweep_interval_seconds: Seconds = Field(
        600, description="time between slices of the raw bucket's listing"
    )
    sweep_pages: Count = Field(100, description="pages of a thousand versions in such a slice")
    hourly_prefixes: str | None = Field(
        None,
        description="folders of the raw bucket with one folder per hour, with commas between them, "
        "whose last hours are listed first; a comma: none; unset: those of the ingestion sources",
    )
    processing_workers: Count = Field(2, description="decoding processes of a run")
    processing_bytes: int = Field(
        64 * _MIB,
        ge=_MIB,
        description="originals that a run holds at once; one is held whatever its size",
    )
    processing_pixels: int = Field(
        80_000_000,
        ge=1_000_000,
        description="pixels that a run hands to its workers at once; one image whatever its size",
    )
    processing_runs: Count = Field(
        2, description="processing runs at once; dagster.yaml gets its limits from this"
    )
    image_processor: str = Field(
        "assets.processing.processor:process",
        description="package.module:function that makes renditions of bytes by a recipe",
    )
    image_recipe: str = Field(
        "standard", description="a recipe that comes with the platform, or the path of a YAML file"
    )

    @model_validator(mode="after")
    def _names_a_sasl_mechanism(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") is (self.kafka_sasl_mechanism is None):
            raise ValueError(
                "KAFKA_SASL_MECHANISM is needed with KAFKA_SECURITY_PROTOCOL=SASL_SSL or "
                "SASL_PLAINTEXT, and only there"
            )
        return self

    @property
    def hourly_folders(self) -> tuple[str, ...] | None:
        """Folders of the raw bucket that have `YYYY-MM-DD/HH/` below them, without slashes."""
        if self.hourly_prefixes is None:
            return None
        names = (name.strip().strip("/") for name in self.hourly_prefixes.split(","))
        return tuple(name for name in names if name)

    @property
    def sweep_interval(self) -> timedelta:
        """Time between two slices of the raw bucket's listing."""
        return timedelta(seconds=self.sweep_interval_seconds)


class UploadSettings(Settings):
    """Settings of the upload API: those of the platform, and its own."""

    database_url: SecretStr = Field(description="PostgreSQL warehouse, as darkroom_uploader")
    kafka_bootstrap_servers: str = Field("", description="the upload API needs no Kafka")
    upload_signing_key: SecretStr = Field(min_length=32)
    erasure_key: SecretStr = Field(min_length=32)

    upload_host: str = "127.0.0.1"
    upload_port: int = Field(18080, ge=1, le=65535)
    upload_metrics_port: int = Field(
        18081, ge=1, le=65535, description="port of the metrics, on 127.0.0.1 only"
    )
    upload_root_path: str = Field("", description="prefix that a proxy takes off, such as /prod")
    upload_trusted_proxies: str = Field(
        "", description="addresses whose X-Forwarded headers count, with commas between them"
    )
    upload_requests_per_minute: Count = Field(
        600, description="uploads of one uploader that a process takes"
    )
    upload_memory_bytes: int = Field(
        256 * _MIB,
        ge=20 * _MIB,
        description="bodies that are held at the same time; one uploader gets at most half",
    )
    upload_bodies: Count = Field(64, description="bodies of one uploader that arrive at once")
    upload_idle_seconds: Seconds = Field(20, description="longest pause within a body")
    upload_body_seconds: Seconds = Field(300, description="time that a whole body may take")
    upload_store_seconds: Seconds = Field(20, description="time that S3 may take for an answer")
    upload_database_seconds: Seconds = Field(
        3, description="time that PostgreSQL may take; after it uploads are answered with 202"
    )
    upload_keys_seconds: Seconds = Field(
        20, le=50, description="time between readings of the API keys: revocation takes that"
    )


class WebServerSettings(BaseSettings):
    """Settings of Dagster's web server behind its guard."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    dagster_host: str = "127.0.0.1"
    dagster_port: int = Field(3000, ge=1, le=65535)
    dagster_allowed_hosts: str = Field(
        "", description="hosts beside its own that it answers for, with commas between them"
    )

    @property
    def hosts(self) -> frozenset[str]:
        """The values of `Host` that it answers, in lower case."""
        own = {f"{name}:{self.dagster_port}" for name in ("127.0.0.1", "localhost")}
        named = {name.strip().lower() for name in self.dagster_allowed_hosts.split(",")}
        return frozenset(own | named) - {""}
