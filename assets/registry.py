"""The modules that hold assets and asset checks; the definitions load these."""

import assets.access.checks
import assets.analytics.dbt
import assets.catalog.checks
import assets.ingestion.bucket.assets
import assets.ingestion.bucket.checks
import assets.ingestion.kafka.assets
import assets.ingestion.kafka.checks
import assets.processing.assets
import assets.retention.assets
import assets.retention.checks
import assets.retention.run_records
import assets.retention.topic_check

MODULES = (
    assets.ingestion.kafka.assets,
    assets.ingestion.kafka.checks,
    assets.ingestion.bucket.assets,
    assets.ingestion.bucket.checks,
    assets.catalog.checks,
    assets.processing.assets,
    assets.retention.assets,
    assets.retention.checks,
    assets.retention.topic_check,
    assets.retention.run_records,
    assets.analytics.dbt,
    assets.access.checks,
)
