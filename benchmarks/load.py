"""Load on a platform: photographs that are sent, tracked until they are finished, and counted."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from assets.resources.warehouse import read_value
from benchmarks.dagster_runs import IMAGE_JOBS, wait_for_success, wait_until_idle
from benchmarks.highest_rate import Step, growth
from benchmarks.senders import Plan
from benchmarks.sources import SOURCES
from benchmarks.stack import RunningPlatform
from benchmarks.stages import DeliveryCount, count_deliveries
from benchmarks.tracking import TrackedSend, send_and_track
from infra.demo.photographs import photographs
from infra.report import MeasurementError

_CAMERA_QUALITY = 95
_DROPS_PER_SECOND = 100.0
_WARM_UP_SECONDS = 30
_TIMEOUT_SECONDS = 300.0
_ROWS = "select count(*) from image_catalog.image"


def jpeg_pool(count: int, megapixels: float) -> list[bytes]:
    """Makes JPEG files of photographs in a camera's quality: about 0.3 MB for each megapixel."""
    return [_as_camera_jpeg(one.body) for one in photographs(count, megapixels=megapixels)]


def _as_camera_jpeg(picture: bytes) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(file, "JPEG", quality=_CAMERA_QUALITY)
    return file.getvalue()


@dataclass
class Load:
    """A platform, the photographs to send to it, and how many were sent so far."""

    platform: RunningPlatform
    bodies: Sequence[bytes] = field(repr=False)
    sent: int = 0

    def send(
        self, name: str, rate: float, images: int, through: Sequence[str] = SOURCES
    ) -> tuple[TrackedSend, DeliveryCount]:
        """Sends images, waits until all are finished, and counts every one.

        Raises `MeasurementError` when an image was lost, duplicated, or not finished in time.
        """
        platform = self.platform
        record = platform.stack.state.path("records", f"{name}.jsonl")
        plan = Plan(name, platform.addresses, self.bodies, rate, images, record, through)
        tracked = send_and_track(plan, platform.warehouse, _TIMEOUT_SECONDS)
        self.sent += images
        with platform.warehouse.connect() as connection:
            count = count_deliveries(connection, tracked.record)
            rows = read_value(connection, _ROWS)
        if count.lost or count.duplicated or rows != self.sent:
            raise MeasurementError(
                f"Of {images} images {count.lost} were lost and {count.duplicated} duplicated; "
                f"the ledger has {rows} rows for {self.sent} images sent in total."
            )
        return tracked, count

    def warm_up(self, rate: float) -> None:
        """Waits for the first build of the views, and sends until runs are in flight.

        No image is visible before the views exist, and an idle platform has to start its runs.
        """
        wait_for_success(self.platform.dagster_conninfo, "build_views", _TIMEOUT_SECONDS)
        self.send("warm-up", rate, round(rate * _WARM_UP_SECONDS))

    def try_rate(self, rate: float, seconds: float) -> Step:
        """Sends at a rate for a while; the step says whether the platform kept up."""
        tracked, count = self.send(f"rate-{rate:g}", rate, round(rate * seconds))
        return Step(rate, growth(tracked.samples), count.visible_p95)

    def drop(self, images: int) -> float:
        """Drops images into the bucket of an idle platform; returns images per second.

        Counted from the first drop until the last image is finished, the start of runs included.
        """
        wait_until_idle(self.platform.dagster_conninfo, IMAGE_JOBS, _TIMEOUT_SECONDS)
        _, count = self.send("drop", _DROPS_PER_SECOND, images, ("bucket",))
        return images / count.seconds
