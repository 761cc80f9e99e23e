"""The demo: photographs and sales sent through a platform until an analyst sees all of them."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from psycopg.conninfo import make_conninfo

from assets.access.people import create_person, list_people, remove_person
from assets.access.policy import load_policy
from assets.errors import DarkroomError, TopicError
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from infra.console import counted, say
from infra.demo import outcome
from infra.demo.outcome import AnalystView, RetentionState, Row, SourceOutcome, read_retention
from infra.demo.photographs import Photograph, broken_files, photographs, photographs_in
from infra.demo.sales.seed import SCALES, seed
from infra.local.dagster_api import CheckState, check_states, launch_job, runs_in_flight
from infra.local.stack import Stack
from infra.progress import progress_bar

_STALL_SECONDS = 600.0
"""A run of many checks may take minutes on a small machine that also does other work."""
_CHECK_ROUNDS = 3
_MAX_NAMED = 5
_EVALUATED = ("SUCCEEDED", "FAILED")


class DemoIncompleteError(DarkroomError):
    """Something that was sent did not come through, or a check failed; the message says what."""


@dataclass(frozen=True)
class DemoResult:
    """Everything that the demo reports.

    Attributes:
        sent: Images sent per source.
        members: First rows of the member sales summary, as the analyst sees them.
        days: First rows of the daily image summary, as the analyst sees them.
        retention: How old the oldest copy is, and what is proven of those that were deleted.
        seconds: How long the steps took, by name.
    """

    sent: dict[str, int]
    outcomes: Sequence[SourceOutcome]
    members: Sequence[Row]
    days: Sequence[Row]
    retention: RetentionState
    checks: int
    seconds: dict[str, float]

    @property
    def images_per_second(self) -> float:
        """Images from the first arrival to the last one visible, all sources together."""
        finished = [o.last_finished_at for o in self.outcomes if o.last_finished_at]
        first = min(o.first_arrived_at for o in self.outcomes)
        return sum(self.sent.values()) / max((max(finished) - first).total_seconds(), 0.001)


@dataclass
class StallDetector:
    """Detects that nothing has changed for some time."""

    limit_seconds: float
    _state: object = None
    _changed_at: float = 0.0

    def is_stalled(self, state: object, now: float) -> bool:
        """Records the state at a time in seconds; returns whether it has not changed for long."""
        if state != self._state:
            self._state, self._changed_at = state, now
        return now - self._changed_at >= self.limit_seconds


@dataclass
class Demo:
    """One run of the demo on a stack that runs.

    Raises `PhotographsError` when the person's own folder has no image.
    """

    stack: Stack
    count: int
    folder: Path | None
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder:
            photographs_in(self.folder)  # is there an image in it? asked before anything starts

    def run(self) -> DemoResult:
        """Sends, waits, runs the checks and collects.

        Raises `DemoIncompleteError` when something did not become visible, or a check failed.
        """
        pictures = self._pictures()
        env = self.stack.environment()
        started_at = utc_now()
        with (
            _analyst(env) as analyst,
            Warehouse(env["DATABASE_URL"]).connect(autocommit=True) as loader,
        ):
            before = outcome.seen_by(analyst)
            with self.step("send"):
                transactions = self._seed()
                sent = self._send(pictures)
            expected = AnalystView(
                finished_images=before.finished_images + before.waiting_images + sum(sent.values()),
                transactions=transactions,
            )
            with self.step("wait"):
                is_complete = self._wait(analyst, loader, before, expected)
            outcomes = outcome.outcomes_since(loader, started_at)
            if not is_complete:
                raise DemoIncompleteError(self._missing(analyst, expected, outcomes, sent))
            with self.step("checks"):
                checks = self._check()
            first_rows = partial(outcome.first_rows, analyst, limit=5)
            return DemoResult(
                sent=sent,
                outcomes=outcomes,
                members=first_rows("view_member_sales_summary", "total_spent desc nulls last"),
                days=first_rows("view_image_daily_summary", "arrived_on desc, source"),
                retention=read_retention(self.stack.settings(), outcomes, utc_now()),
                checks=checks,
                seconds=self.seconds,
            )

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measures how long a step takes."""
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started

    def _pictures(self) -> dict[str, Sequence[Photograph]]:
        """Returns what each source is sent: photographs, with a few broken files among them."""
        if self.folder:
            own = list(photographs_in(self.folder))
            return {"bucket": own, "kafka": own}
        made = list(photographs(2 * self.count, seed=secrets.randbelow(2**32)))
        return {
            "bucket": _with_broken_files(made[: self.count]),
            "kafka": _with_broken_files(made[self.count :]),
        }

    def _seed(self) -> int:
        """Adds sales as the owner of the tables; returns how many transactions there are then."""
        with (
            self.stack.migrator() as conninfo,
            Warehouse(conninfo).connect(autocommit=True) as owner,
        ):
            seed(owner, SCALES["demo"], lambda _: None)
            return outcome.count_transactions(owner)

    def _send(self, pictures: dict[str, Sequence[Photograph]]) -> dict[str, int]:
        settings = self.stack.settings()
        store = ObjectStore(settings)
        folder = f"demo/{utc_now():%Y-%m-%dT%H%M%S}"
        with progress_bar() as progress, ThreadPoolExecutor(2) as threads:
            advance = progress.advance
            drops = progress.add_task("drop into bucket", total=len(pictures["bucket"]))
            messages = progress.add_task("produce to Kafka", total=len(pictures["kafka"]))
            sending = (
                threads.submit(
                    drop_into_bucket, store, folder, pictures["bucket"], partial(advance, drops)
                ),
                threads.submit(
                    produce_to_topic, settings, pictures["kafka"], partial(advance, messages)
                ),
            )
            for source in sending:
                source.result()
        return {source: len(sent) for source, sent in pictures.items()}

    def _wait(
        self,
        analyst: Connection,
        loader: Connection,
        before: AnalystView,
        expected: AnalystView,
    ) -> bool:
        """Watches the analyst's views until they show everything; False: nothing changes."""
        detector, first = StallDetector(_STALL_SECONDS), before.finished_images
        with progress_bar() as progress:
            images = progress.add_task("images visible", total=expected.finished_images - first)
            sales = progress.add_task("transactions visible", total=expected.transactions)
            while True:
                seen = outcome.seen_by(analyst)
                progress.update(images, completed=max(0, seen.finished_images - first))
                progress.update(sales, completed=seen.transactions)
                if seen.shows(expected):
                    return True
                known = outcome.count_by_state(loader)
                runs = runs_in_flight(self.stack.ports.dagster)
                if detector.is_stalled((seen, known, runs), time.monotonic()):
                    return False
                time.sleep(0.5)

    def _check(self) -> int:
        """Runs the asset checks that were not run since their asset changed; returns their number.

        Raises `DemoIncompleteError` when one fails or does not run.
        """
        port = self.stack.ports.dagster
        self.drain()  # a view that a run builds again has to be checked again
        states = check_states(port)
        for _ in range(_CHECK_ROUNDS):
            jobs = {_job_of(state) for state in states if state.status not in _EVALUATED}
            if not jobs:
                break
            say(f"running {counted(len(jobs), 'job')} of checks")
            have_ended = self._wait_for_runs({launch_job(port, job) for job in sorted(jobs)})
            states = check_states(port)
            if not have_ended:
                break
        red = [one for one in states if one.is_error or one.status not in _EVALUATED]
        if red or not states:
            names = ", ".join(f"{one.name} of {one.asset}" for one in red[:_MAX_NAMED])
            raise DemoIncompleteError(
                f"{counted(len(red), 'check')} of {len(states)} did not succeed: {names}"
                f"{' and more' if len(red) > _MAX_NAMED else ''}. "
                "Run `darkroom up` and look at them in the UI."
            )
        return len(states)

    def drain(self) -> None:
        """Waits for the runs in flight, so that a stop interrupts none."""
        if runs := runs_in_flight(self.stack.ports.dagster):
            say(f"waiting for {counted(len(runs), 'run')} to end")
        self._wait_for_runs(None)

    def _wait_for_runs(self, run_ids: set[str] | None) -> bool:
        """Waits until these runs have ended, or all; False: none has ended for long."""
        detector = StallDetector(_STALL_SECONDS)
        while True:
            runs = runs_in_flight(self.stack.ports.dagster)
            left = None if runs is None else set(runs if run_ids is None else run_ids & set(runs))
            if left == set():
                return True
            if detector.is_stalled(left, time.monotonic()):
                return False
            time.sleep(0.5)

    def _missing(
        self,
        analyst: Connection,
        expected: AnalystView,
        outcomes: Sequence[SourceOutcome],
        sent: dict[str, int],
    ) -> str:
        seen = outcome.seen_by(analyst)
        sales = ""
        if seen.transactions != expected.transactions:
            counts = f"{seen.transactions} transactions of {expected.transactions}"
            sales = f"the member summary shows {counts}"
        parts = filter(None, (outcome.describe_missing(outcomes, sent), sales))
        what = "; ".join(parts) or f"{seen} instead of {expected}"
        return (
            f"Nothing has changed for {_STALL_SECONDS:.0f} s, and the analyst's views do not show "
            f"everything: {what}. Run `darkroom up` and look at the failed runs, or read "
            f"{self.stack.state.path('logs')}."
        )


def _job_of(state: CheckState) -> str:
    """Returns the job to run a check with: one that only checks, or else one that builds."""
    return min(state.jobs, key=lambda job: (not job.startswith("check_"), job))


@contextmanager
def _analyst(env: Mapping[str, str]) -> Iterator[Connection]:
    """Connects as an analyst who exists during the block; one of a killed demo is replaced."""
    admin, policy = env["DATABASE_ADMIN_URL"], load_policy()
    if outcome.ANALYST in {person.name for person in list_people(admin, policy)}:
        remove_person(admin, policy, outcome.ANALYST)
    password = create_person(admin, policy, outcome.ANALYST, "TEAM_ANALYTICS")
    conninfo = make_conninfo(env["DATABASE_URL"], user=outcome.ANALYST, password=password)
    try:
        with Warehouse(conninfo).connect(autocommit=True) as analyst:
            yield analyst
    finally:
        remove_person(admin, policy, outcome.ANALYST)


def _with_broken_files(pictures: Sequence[Photograph]) -> Sequence[Photograph]:
    middle = len(pictures) // 2
    return [*pictures[:middle], *broken_files(), *pictures[middle:]]


def drop_into_bucket(
    store: ObjectStore, folder: str, photographs: Sequence[Photograph], sent: Callable[[], None]
) -> None:
    """Puts photographs into the raw bucket under a folder, as any S3 program could."""
    for photograph in photographs:
        key = str(PurePosixPath(folder, photograph.name))
        store.put(store.settings.raw_bucket, key, photograph.body, photograph.content_type)
        sent()


def produce_to_topic(
    settings: Settings, photographs: Sequence[Photograph], sent: Callable[[], None]
) -> None:
    """Sends photographs to the topic, one message each, and waits until the broker has them all.

    Raises `ServerError` when the broker does not answer, `TopicError` when it refuses one.
    """
    outgoing = (OutgoingImage(one.name, one.body, _headers(one)) for one in photographs)
    if refused := send(settings, outgoing, lambda _: sent()):
        raise TopicError(f"{refused[0].name} was not sent: {refused[0].reason}.")


def _headers(photograph: Photograph) -> tuple[tuple[str, str], ...]:
    """Returns no headers for a broken file: they are optional."""
    if photograph.expected_reason:
        return ()
    return (
        ("content-type", photograph.content_type),
        ("filename", photograph.name),
        ("uploader", "demo"),
    )
