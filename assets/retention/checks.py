"""Asset checks of retention: each name is a sentence that is true when the check is green."""

from datetime import datetime, timedelta

import dagster as dg

from assets.images.checks import oldest_arrival
from assets.resources.warehouse import Warehouse
from assets.retention.assets import purge_receipt
from assets.settings import Settings
from assets.timing import utc_now

_WARN_AT = 0.997  # half an hour before seven days: an hourly purge two hours early is overdue


def judge_age(
    oldest: datetime | None, now: datetime, retention: timedelta
) -> tuple[bool, dg.AssetCheckSeverity, str]:
    """Judges the oldest image's age: passed, how bad otherwise, and a sentence."""
    age = now - oldest if oldest else timedelta(0)
    hours = f"The oldest image is {age / timedelta(hours=1):.2f} h old"
    if age >= retention:
        return False, dg.AssetCheckSeverity.ERROR, f"{hours}: past the retention; purge now."
    if age > retention * _WARN_AT:
        return False, dg.AssetCheckSeverity.WARN, f"{hours}: the purge is late."
    return True, dg.AssetCheckSeverity.ERROR, f"{hours}, within the retention."


@dg.asset_check(asset=purge_receipt, blocking=False)
def no_image_is_older_than_retention(
    settings: dg.ResourceParam[Settings], warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """The oldest image in the ledger is younger than the retention."""
    now = utc_now()
    with warehouse.connect() as connection:
        oldest = oldest_arrival(connection)
    passed, severity, description = judge_age(oldest, now, settings.retention)
    return dg.AssetCheckResult(
        passed=passed,
        severity=severity,
        description=description,
        metadata={
            "oldest_hours": round((now - oldest) / timedelta(hours=1), 2) if oldest else 0.0,
            "threshold_hours": settings.retention_hours,
        },
    )
