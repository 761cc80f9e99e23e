"""The names that assets share: keys, groups, owners, and the partitions by day of arrival.

Each key is spelled here only. Keys of dbt models are the models' schema and name;
keys of an ingestion source's own assets are in its `source.py`.
"""

from dagster import AssetKey, DynamicPartitionsDefinition

IMAGE = AssetKey(["image_catalog", "image"])
RENDITION = AssetKey(["image_catalog", "rendition"])
RENDITION_FILES = AssetKey(["processed_bucket", "rendition_files"])
HORIZON = AssetKey(["image_catalog", "horizon"])
PURGE_RECEIPT = AssetKey(["retention", "purge_receipt"])
RUN_RECORDS = AssetKey(["dagster", "run_records"])
GRANTS = AssetKey(["warehouse", "grants"])
MEMBERSHIP = AssetKey(["ASSESSMENT", "TB_MEMBERSHIP"])
ITEM = AssetKey(["ASSESSMENT", "TB_ITEM"])
TRANSACTION = AssetKey(["ASSESSMENT", "TB_TRANSACTION"])
TRANSACTION_ITEM = AssetKey(["ASSESSMENT", "TB_TRANSACTION_ITEM_MAPPING"])

IMAGES_GROUP = "images"
RETENTION_GROUP = "retention"
ACCESS_GROUP = "access"
SALES_GROUP = "sales"
ANALYTICS_GROUP = "images_analytics"

DATA_ENGINEERING = ["team:data-engineering"]
SALES_OPERATIONS = ["team:sales-operations"]

ARRIVAL_DAYS = DynamicPartitionsDefinition(name="arrival_day")
"""UTC days on which images arrived, as `YYYY-MM-DD`; the purge deletes days that are due."""
