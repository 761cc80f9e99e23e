"""Load on a platform: photographs that are sent, tracked until they are finished, and counted."""

import io
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg
from PIL import Image
from psycopg.rows import tuple_row
from rich.progress import TextColumn

from assets.ingestion.registry import sources
from assets.resources.warehouse import Parameters, Query, Warehouse, read_value
from benchmarks.senders import Plan, Sender, Sent, sending
from infra.demo.photographs import photographs
from infra.local.stack import Stack
from infra.progress import progress_bar
from infra.report import MeasurementError
from infra.source_clients import SOURCE_CLIENTS, Addresses

VISIBLE_SECONDS = 30.0
"""95th percentile from arrival to visible has to be under this."""

_CAMERA_QUALITY = 95
_DROPS_PER_SECOND = 100.0
_WARM_UP_SECONDS = 30
_TIMEOUT_SECONDS = 300.0
_GROWTH = 0.1
_SETTLING = 1 / 3
_COUNTS = "select count(*), count(*) filter (where state <> 'waiting') from image_catalog.image"
_FINISHED = """
    select encode(sha256, 'hex'), count(*), extract(epoch from max(finished_at))::float8
    from image_catalog.image
    where state = 'processed' and sha256 = any(%s)
    group by sha256
"""
_IS_IDLE = """
    select not exists (
        select from runs
        where pipeline_name = any(%s) and status not in ('SUCCESS', 'FAILURE', 'CANCELED')
    )
"""
_HAS_SUCCEEDED = """
    select exists (select from runs where pipeline_name = %s and status = 'SUCCESS')
"""


@dataclass(frozen=True)
class Sample:
    """Counts of what a sender has sent, at one moment.

    Attributes:
        seconds: Since the start of the sender.
        known: Images in the ledger.
    """

    seconds: float
    sent: int
    known: int
    finished: int

    @property
    def unfinished(self) -> int:
        """Images that a source has accepted and that are not visible yet."""
        return self.sent - self.finished


@dataclass(frozen=True)
class Delivery:
    """What a sender sent, all of it finished, counted from the sender's record.

    Attributes:
        samples: One of each second while it sent.
        lost: Images of the record that no processed row has.
        duplicated: Processed rows beyond one for an image of the record.
        visible_p95: From sending, by the sender's clock, to finished: 95th percentile in seconds.
        seconds: From the first image sent to the last one finished.
        late_p95: How far the sender was behind its schedule: 95th percentile in seconds.
    """

    record: Sequence[Sent]
    samples: Sequence[Sample]
    lost: int
    duplicated: int
    visible_p95: float
    seconds: float
    late_p95: float


@dataclass(frozen=True)
class Step:
    """One rate, tried for a while.

    Attributes:
        rate: Images sent per second.
        growth: Change of the number of unfinished images per second, after a settling time.
        visible_p95: From arrival to visible, in seconds.
    """

    rate: float
    growth: float
    visible_p95: float

    @property
    def is_sustained(self) -> bool:
        """Whether the backlog does not grow and images are visible in time.

        The backlog varies with the batches: a growth of up to a tenth of the rate is noise.
        """
        return self.growth <= _GROWTH * self.rate and self.visible_p95 < VISIBLE_SECONDS


@dataclass
class Load:
    """A platform, the photographs to send to it, and how many were sent so far."""

    stack: Stack
    addresses: Addresses
    bodies: Sequence[bytes] = field(repr=False)
    sent: int = 0

    @property
    def warehouse(self) -> Warehouse:
        """The ledger's database, as the loading role."""
        return Warehouse.from_settings(self.addresses.settings)

    @property
    def dagster_conninfo(self) -> str:
        """The connection string of Dagster's database."""
        return self.stack.environment()["DAGSTER_DATABASE_URL"]

    def send(
        self, name: str, rate: float, images: int, through: Sequence[str] = tuple(SOURCE_CLIENTS)
    ) -> Delivery:
        """Sends images, waits until all are finished, and counts every one.

        Nothing else may send at the same time: the growth of the ledger is what is counted.

        Raises `MeasurementError` when an image was lost, duplicated, or not finished in time.
        """
        record = self.stack.state.path("records", f"{name}.jsonl")
        plan = Plan(name, self.addresses, self.bodies, rate, images, record, through)
        counts = TextColumn(
            "finished   {task.fields[sent]} sent, {task.fields[known]} in the ledger"
        )
        samples = []
        with sending(plan) as sender, progress_bar(counts) as progress:
            task = progress.add_task(name, total=images, sent=0, known=0)
            for one, is_sending in self._watch(sender):
                progress.update(task, completed=one.finished, sent=one.sent, known=one.known)
                if is_sending:
                    samples.append(one)
            delivery = self._count(sender.record(), samples)
        self.sent += images
        rows, _ = self._counts()
        if delivery.lost or delivery.duplicated or rows != self.sent:
            raise MeasurementError(
                f"Of {images} images {delivery.lost} were lost and {delivery.duplicated} "
                f"duplicated; the ledger has {rows} rows for {self.sent} images sent in total."
            )
        return delivery

    def warm_up(self, rate: float) -> None:
        """Waits for the first build of the views, and sends until runs are in flight.

        No image is visible before the views exist, and an idle platform has to start its runs.
        """
        self._wait_until(_HAS_SUCCEEDED, ["build_views"], "No run of build_views succeeded")
        self.send("warm-up", rate, round(rate * _WARM_UP_SECONDS))

    def try_rate(self, rate: float, seconds: float) -> Step:
        """Sends at a rate for a while; the step says whether the platform kept up."""
        delivery = self.send(f"rate-{rate:g}", rate, round(rate * seconds))
        return Step(rate, growth(delivery.samples), delivery.visible_p95)

    def drop(self, images: int) -> float:
        """Drops images into the bucket of an idle platform; returns images per second.

        Counted from the first drop until the last image is finished, the start of runs included.
        """
        jobs = [*(source.job.name for source in sources() if source.job), "process_images"]
        self._wait_until(_IS_IDLE, [jobs], f"Runs of {', '.join(jobs)} did not end")
        return images / self.send("drop", _DROPS_PER_SECOND, images, ["bucket"]).seconds

    def _wait_until(self, condition: Query, parameters: Parameters, problem: str) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        with psycopg.connect(self.dagster_conninfo, autocommit=True) as connection:
            while not read_value(connection, condition, parameters):
                if time.monotonic() > deadline:
                    raise MeasurementError(f"{problem} in {_TIMEOUT_SECONDS:.0f} seconds.")
                time.sleep(1)

    def _watch(self, sender: Sender) -> Iterator[tuple[Sample, bool]]:
        """Samples until all is finished; yields with each sample whether the sender still sends."""
        known_before, finished_before = self._counts()
        started, wanted = time.monotonic(), sender.plan.images
        last_sent_at = started
        while True:
            is_sending, sent, now = not sender.is_done, sender.count, time.monotonic()
            known, finished = self._counts()
            sample = Sample(now - started, sent, known - known_before, finished - finished_before)
            yield sample, is_sending
            if is_sending:
                last_sent_at = now
            elif sample.finished >= wanted:
                return
            elif now - last_sent_at > _TIMEOUT_SECONDS:
                raise MeasurementError(
                    f"{wanted - sample.finished} of {wanted} images are not finished "
                    f"{_TIMEOUT_SECONDS:.0f} seconds after the last one was sent; "
                    f"{sample.known} are in the ledger. The logs in the state folder say more."
                )
            time.sleep(1)

    def _counts(self) -> tuple[int, int]:
        with self.warehouse.connect() as connection:
            [(known, finished)] = connection.cursor(row_factory=tuple_row).execute(_COUNTS)
        return known, finished

    def _count(self, record: Sequence[Sent], samples: Sequence[Sample]) -> Delivery:
        with self.warehouse.connect() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            rows = cursor.execute(_FINISHED, [digests(record)]).fetchall()
        finished_at = {digest: at for digest, _, at in rows}
        known = [one for one in record if one.sha256 in finished_at]
        return Delivery(
            record,
            samples,
            lost=len(record) - len(rows),
            duplicated=sum(count - 1 for _, count, _ in rows),
            visible_p95=_p95([finished_at[one.sha256] - one.sent_at for one in known]),
            seconds=max(finished_at.values()) - min(one.sent_at for one in record),
            late_p95=_p95([one.late_seconds for one in record]),
        )


def jpeg_pool(count: int, megapixels: float) -> list[bytes]:
    """Makes JPEG files of photographs in a camera's quality: about 0.3 MB for each megapixel."""
    return [_as_camera_jpeg(one.body) for one in photographs(count, megapixels=megapixels)]


def digests(record: Sequence[Sent]) -> list[bytes]:
    """Returns the digests of the images of a record, as the ledger has them."""
    return [bytes.fromhex(one.sha256) for one in record]


def growth(samples: Sequence[Sample]) -> float:
    """Returns the slope of the unfinished images over time, without the first third."""
    settled = samples[int(len(samples) * _SETTLING) :]
    times, counts = [one.seconds for one in settled], [one.unfinished for one in settled]
    return statistics.linear_regression(times, counts).slope


def raise_rate(rates: Iterable[float], try_rate: Callable[[float], Step]) -> Iterator[Step]:
    """Tries one rate after another, and ends with the first that is not sustained."""
    for rate in rates:
        step = try_rate(rate)
        yield step
        if not step.is_sustained:
            return


def _as_camera_jpeg(picture: bytes) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(file, "JPEG", quality=_CAMERA_QUALITY)
    return file.getvalue()


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]
