"""Load on a platform: photographs sent and followed, and every one accounted for."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import click
from PIL import Image

from benchmarks.dagster_runs import IMAGE_JOBS, wait_for_success, wait_until_idle
from benchmarks.highest_rate import Step, growth
from benchmarks.senders import Plan
from benchmarks.sources import SOURCES
from benchmarks.stack import Platform
from benchmarks.stages import DeliveryCount, count_deliveries
from benchmarks.tracking import TrackedSend, send_and_track
from infra.demo.photographs import photographs

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
    """A platform, photographs to send to it, and how many it has been sent."""

    platform: Platform
    bodies: Sequence[bytes] = field(repr=False)
    sent: int = 0

    def send(
        self, name: str, rate: float, images: int, through: Sequence[str] = SOURCES
    ) -> tuple[TrackedSend, DeliveryCount]:
        """Sends images, waits until all are finished, and accounts for every one.

        Raises:
            click.ClickException: something is lost, or there twice, or not finished in time.
        """
        platform = self.platform
        record = platform.stack.state.path("records", f"{name}.jsonl")
        plan = Plan(name, platform.addresses, self.bodies, rate, images, record, through)
        followed = send_and_track(plan, platform.warehouse, _TIMEOUT_SECONDS)
        self.sent += images
        with platform.warehouse.connect() as connection:
            account = count_deliveries(connection, followed.record)
            [rows] = connection.execute(_ROWS).fetchone() or (0,)
        if account.lost or account.duplicated or rows != self.sent:
            raise click.ClickException(
                f"Of {images} images {account.lost} are lost and {account.duplicated} are there "
                f"twice; the ledger has {rows} rows for {self.sent} images sent in all."
            )
        return followed, account

    def warm_up(self, rate: float) -> None:
        """Sends for a while, until all runs are in flight; a new platform builds its views first.

        Nothing is visible before there are views, and an idle platform starts its runs first.
        """
        wait_for_success(self.platform.dagster_conninfo, "build_views", _TIMEOUT_SECONDS)
        self.send("warm-up", rate, round(rate * _WARM_UP_SECONDS))

    def try_rate(self, rate: float, seconds: float) -> Step:
        """Sends at a rate for a while, and tells whether the platform kept up."""
        followed, account = self.send(f"rate-{rate:g}", rate, round(rate * seconds))
        return Step(rate, growth(followed.samples), account.visible_p95)

    def drop(self, images: int) -> float:
        """Fills the bucket of an idle platform; returns images per second.

        Counted from the first drop until the last image is finished: the start of the runs is in.
        """
        wait_until_idle(self.platform.dagster_conninfo, IMAGE_JOBS, _TIMEOUT_SECONDS)
        _, account = self.send("drop", _DROPS_PER_SECOND, images, ("bucket",))
        return images / account.seconds
