"""`darkroom bench ingest`: what the sources and the ledger cost, beside a bare baseline.

Everything is measured in turns, in one run, over the same servers: the landing beside bare loops,
the ledger beside a raw COPY, the upload API beside a bare ASGI app. And the memory of a landing
run, over a backlog and over ten times as much.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from typer import Option

from benchmarks.landing import (
    LANDING,
    OBSTORE_LOOP,
    PUT_OBJECT_LOOP,
    MemoryUse,
    measure_landing,
    measure_memory,
)
from benchmarks.ledger_rows import REGISTER, create_tables, measure_ledger
from benchmarks.options import ONLY, Kafka, Rounds
from benchmarks.raw_copy import BINARY_COPY, RAW_COPY
from benchmarks.rounds import Comparison, Rates, measure_rounds
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

_SIZES = {"200kB": 200_000, "2MB": 2_000_000}
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
            _bench_landing(report, stack, rounds, (small_messages, large_messages))
        if "ledger" in parts:
            _bench_ledger(report, stack, rounds, ledger_rows)
        if "memory" in parts:
            _bench_memory(report, stack, backlog)
        if "upload" in parts:
            _bench_uploads(report, stack, rounds, (small_uploads, large_uploads))
    report.finish()


def _bench_landing(report: Report, stack: Stack, rounds: int, counts: Sequence[int]) -> None:
    settings = stack.settings()
    for (size, size_bytes), count in zip(_SIZES.items(), counts, strict=True):

        def measure(turn: int, size_bytes: int = size_bytes, count: int = count) -> Rates:
            return measure_landing(settings, size_bytes, count, turn)

        measured = measure_rounds(f"landing {count} messages of {size}", rounds, measure)
        LANDING_RATES.report_rates(report, measured, size, size_bytes / 1e6)


def _bench_ledger(report: Report, stack: Stack, rounds: int, rows: int) -> None:
    settings, admin = stack.settings(), stack.environment()["DATABASE_ADMIN_URL"]
    create_tables(admin)
    measured = measure_rounds(
        f"ledger, {rows} rows", rounds, lambda turn: measure_ledger(settings, admin, rows, turn)
    )
    LEDGER_RATES.report_rates(report, measured)


def _bench_memory(report: Report, stack: Stack, backlog: int) -> None:
    env = stack.environment()
    parse_dbt_project(env)
    for messages in (backlog, _GROWTH * backlog):
        with console.status(f"memory: a backlog of {messages} messages"):
            used = measure_memory(stack.settings(), env, _SIZES["2MB"], messages)
        report_memory(report, used)


def _bench_uploads(report: Report, stack: Stack, rounds: int, counts: Sequence[int]) -> None:
    with upload_api(stack) as api, baseline_app(stack) as bare:
        for (size, size_bytes), count in zip(_SIZES.items(), counts, strict=True):

            def measure(turn: int, size_bytes: int = size_bytes, count: int = count) -> Rates:
                return measure_uploads(api, bare, size_bytes, count, turn)

            measured = measure_rounds(f"uploading {count} images of {size}", rounds, measure)
            UPLOAD_RATES.report_rates(report, measured, size, size_bytes / 1e6)


def report_memory(report: Report, used: MemoryUse) -> None:
    """Reports the peak resident size of a landing run."""
    peak, idle = used.peak_bytes / _MIB, used.idle_bytes / _MIB
    name = f"peak memory of a landing run over {used.messages} messages of 2 MB"
    report.check(Bound(name, peak, Direction.UNDER, MEMORY_LIMIT_MIB, "MiB"))
    report.add(
        {
            f"landing_peak_mib_over_{used.messages}": peak,
            f"landing_idle_mib_over_{used.messages}": idle,
        }
    )
