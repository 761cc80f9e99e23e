"""`darkroom bench ingest`: what the sources and the ledger cost, beside a bare baseline.

Everything is measured in turns, in one run, over the same servers: the landing beside bare loops,
the ledger beside a raw COPY, the upload API beside a bare ASGI app. And the memory of a landing
run, over a backlog and over ten times as much.
"""

from enum import StrEnum
from functools import partial
from typing import Annotated

from typer import Option

from benchmarks.landing import (
    LANDING,
    OBSTORE_LOOP,
    PUT_OBJECT_LOOP,
    measure_landing,
    measure_memory,
)
from benchmarks.ledger_rows import REGISTER, TABLES, measure_ledger
from benchmarks.raw_copy import BINARY_COPY, RAW_COPY
from benchmarks.rounds import ONLY, Comparison, Kafka, Rounds, measure_rounds
from benchmarks.runs import LandingRun
from benchmarks.stack import fresh_stack
from benchmarks.uploads import API, BARE_APP, baseline_app, measure_uploads, upload_api
from infra.console import console
from infra.local.dbt import parse_dbt_project
from infra.local.stack import Stack
from infra.report import Bound, Direction, Report

Part = StrEnum("Part", ["landing", "ledger", "memory", "upload"])

LANDING_RATES = Comparison(LANDING, "messages", {PUT_OBJECT_LOOP: 0.80, OBSTORE_LOOP: None})
LEDGER_RATES = Comparison(REGISTER, "rows", {RAW_COPY: 0.60, BINARY_COPY: None})
UPLOAD_RATES = Comparison(API, "requests", {BARE_APP: 0.70})
MEMORY_LIMIT_MIB = 512

_SMALL, _LARGE = ("200kB", 200_000), ("2MB", 2_000_000)
_GROWTH = 10
_MIB = 1024**2


def run(
    rounds: Rounds = 3,
    small_messages: Annotated[int, Option(help="200 kB each, per round.")] = 300,
    large_messages: Annotated[int, Option(help="2 MB each, per round.")] = 100,
    ledger_rows: Annotated[int, Option(help="Per round.")] = 20_000,
    backlog: Annotated[int, Option(help="Messages of 2 MB, and ten times as many.")] = 40,
    small_uploads: Annotated[int, Option(help="200 kB each, per round.")] = 400,
    large_uploads: Annotated[int, Option(help="2 MB each, per round.")] = 120,
    kafka: Kafka = "tansu",
    only: Annotated[list[Part] | None, ONLY] = None,
) -> None:
    """Measure the Kafka landing, the ledger and the upload API beside bare variants."""
    report = Report("ingest", {"rounds": rounds})
    parts = only or list(Part)
    with fresh_stack(kafka) as stack:
        if "landing" in parts:
            _bench_landing(report, stack, rounds, small_messages, large_messages)
        if "ledger" in parts:
            _bench_ledger(report, stack, rounds, ledger_rows)
        if "memory" in parts:
            _bench_memory(report, stack, backlog)
        if "upload" in parts:
            _bench_uploads(report, stack, rounds, small_uploads, large_uploads)
    report.finish()


def _bench_landing(report: Report, stack: Stack, rounds: int, small: int, large: int) -> None:
    for (size, size_bytes), count in ((_SMALL, small), (_LARGE, large)):
        measure = partial(measure_landing, stack.settings(), size_bytes, count)
        measured = measure_rounds(f"landing {count} messages of {size}", rounds, measure)
        LANDING_RATES.report_rates(report, measured, size, size_bytes / 1e6)


def _bench_ledger(report: Report, stack: Stack, rounds: int, rows: int) -> None:
    TABLES.create(stack)
    measure = partial(measure_ledger, stack, rows)
    LEDGER_RATES.report_rates(report, measure_rounds(f"ledger, {rows} rows", rounds, measure))


def _bench_memory(report: Report, stack: Stack, backlog: int) -> None:
    parse_dbt_project(stack.environment())
    for messages in (backlog, _GROWTH * backlog):
        with console.status(f"memory: a backlog of {messages} messages"):
            used = measure_memory(stack, _LARGE[1], messages)
        report_memory(report, used)


def _bench_uploads(report: Report, stack: Stack, rounds: int, small: int, large: int) -> None:
    with upload_api(stack) as api, baseline_app(stack) as bare:
        for (size, size_bytes), count in ((_SMALL, small), (_LARGE, large)):
            measure = partial(measure_uploads, api, bare, size_bytes, count)
            measured = measure_rounds(f"uploading {count} images of {size}", rounds, measure)
            UPLOAD_RATES.report_rates(report, measured, size, size_bytes / 1e6)


def report_memory(report: Report, used: LandingRun) -> None:
    """Reports the peak resident size of a landing run."""
    peak, idle = used.peak_bytes / _MIB, used.idle_bytes / _MIB
    name = f"peak memory of a landing run over {used.messages} messages of 2 MB"
    report.check(Bound(name, peak, Direction.UNDER, MEMORY_LIMIT_MIB, "MiB"))
    report.add({f"landing_peak_mib_over_{used.messages}": peak})
    report.add({f"landing_idle_mib_over_{used.messages}": idle})
