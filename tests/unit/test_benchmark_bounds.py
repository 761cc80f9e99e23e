"""A benchmark fails when a bound of it is missed: measured figures in, the verdict out."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assets.errors import DarkroomError
from benchmarks import freshness, ingest, processing, processing_engines, retention
from benchmarks.landing import LANDING, OBSTORE_LOOP, PUT_OBJECT_LOOP
from benchmarks.ledger_rows import REGISTER
from benchmarks.load import Delivery
from benchmarks.outcome_rows import WRITE
from benchmarks.processing_asset import ASSET, ASSET_RATES, report_growth
from benchmarks.processing_variants import ENGINE, NAIVE, PROCESSOR, TUNED, VIPS, Cost
from benchmarks.raw_copy import BINARY_COPY, RAW_COPY
from benchmarks.retention_ingest import ALONE, DURING_PURGE
from benchmarks.retention_objects import BARE, PURGE, Deleted
from benchmarks.runs import LandingRun, ProcessingRun, PurgeRun
from benchmarks.uploads import API, BARE_APP
from benchmarks.warehouse import (
    COLD_REFRESH,
    FULL_BUILD,
    NO_CHANGES,
    REFRESH,
    SMALLER_BUILD,
    Answer,
    Build,
    report_warehouse,
)
from infra import report
from infra.report import Bound, BoundMissedError, Direction, Report

MIB = 1024**2

Fill = Callable[[Report], None]


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    return tmp_path


def landing(ratio: float) -> Fill:
    rates = {LANDING: ratio, PUT_OBJECT_LOOP: 1.0, OBSTORE_LOOP: 2.0}
    return lambda to: ingest.LANDING_RATES.report_rates(to, [rates], "200kB", 0.2)


def ledger(ratio: float) -> Fill:
    rates = {REGISTER: ratio, RAW_COPY: 1.0, BINARY_COPY: 2.0}
    return lambda to: ingest.LEDGER_RATES.report_rates(to, [rates])


def landing_memory(mib: float) -> Fill:
    return lambda to: ingest.report_memory(to, LandingRun(40, MIB, int(mib * MIB)))


def uploads(ratio: float) -> Fill:
    return lambda to: ingest.UPLOAD_RATES.report_rates(to, [{API: ratio, BARE_APP: 1.0}], "2MB", 2)


def engines(ours: str, theirs: str, ratio: float) -> Fill:
    rates = dict.fromkeys((NAIVE, TUNED, VIPS), 0.1) | {PROCESSOR: 100.0, ENGINE: 100.0}
    rates |= {ours: 1.0, theirs: 1.0 / ratio}
    costs = {name: Cost(rate, 1.0) for name, rate in rates.items()}
    return lambda to: processing_engines.report_engines(to, "JPEG", {2: [costs]})


def asset(ratio: float) -> Fill:
    return lambda to: ASSET_RATES.report_rates(to, [{ASSET: ratio, TUNED: 1.0}])


def metadata(ratio: float) -> Fill:
    rates = {WRITE: ratio, RAW_COPY: 1.0, BINARY_COPY: 2.0}
    return lambda to: processing.METADATA_RATES.report_rates(to, [rates])


def growth(**larger: float) -> Fill:
    few = ProcessingRun(10, 1.0, 1.0, 1.0, 1000, 1000)
    return lambda to: report_growth(to, few, replace(few, **larger))


def freshness_of(ledger: float, visible: float) -> Fill:
    stages = [
        freshness.Stage(source, stage, 1, 0.0, seconds, 100.0)
        for source in ("kafka", freshness.ALL_SOURCES)
        for stage, seconds in ((freshness.LEDGER, ledger), (freshness.VISIBLE, visible))
    ]
    measured = (stages, Delivery([], [], 0, 0, 0.0, 0.0, 0.0), [])
    return lambda to: freshness.report_freshness(to, measured)


def deletion(ratio: float) -> Fill:
    deleted = Deleted({PURGE: ratio, BARE: 1.0}, PurgeRun(10, 1.0, MIB, 2 * MIB))
    return lambda to: retention.report_objects(to, [deleted])


def slowdown(ratio: float) -> Fill:
    rates = {ALONE: 1.0, DURING_PURGE: 1 - ratio}
    return lambda to: retention.report_ingestion(to, [rates])


def erasure(seconds: float) -> Fill:
    return lambda to: retention.report_erasure(to, 10_000, [seconds])


def warehouse(share: float = 0.05, view_ms: float = 4.9, differences: int = 0) -> Fill:
    full = Build(100.0, 100.0, 100.0, 100.0)
    refreshed = replace(full, model_seconds=100.0 * share)
    answers = {"top 3 items": Answer(view_ms, 1000.0)}
    builds = dict.fromkeys((SMALLER_BUILD, FULL_BUILD, COLD_REFRESH, NO_CHANGES), full)
    builds[REFRESH] = refreshed
    return lambda to: report_warehouse(to, "large", builds, answers, differences)


KEPT_AND_MISSED = [
    ("ingest", landing(0.80), landing(0.79)),
    ("ingest", ledger(0.60), ledger(0.59)),
    ("ingest", landing_memory(511), landing_memory(512)),
    ("ingest", uploads(0.70), uploads(0.69)),
    ("processing", engines(PROCESSOR, NAIVE, 2.0), engines(PROCESSOR, NAIVE, 1.99)),
    ("processing", engines(PROCESSOR, VIPS, 0.7001), engines(PROCESSOR, VIPS, 0.69)),
    ("processing", engines(PROCESSOR, TUNED, 0.9301), engines(PROCESSOR, TUNED, 0.92)),
    ("processing", engines(ENGINE, VIPS, 0.9001), engines(ENGINE, VIPS, 0.89)),
    ("processing", asset(0.70), asset(0.69)),
    ("processing", metadata(0.60), metadata(0.59)),
    ("processing", growth(seconds=10.5), growth(seconds=10.6)),
    ("processing", growth(run_peak_bytes=1100), growth(run_peak_bytes=1101)),
    ("processing", growth(worker_peak_bytes=1100), growth(worker_peak_bytes=1101)),
    ("freshness", freshness_of(9.9, 29.9), freshness_of(10.0, 29.9)),
    ("freshness", freshness_of(9.9, 29.9), freshness_of(9.9, 30.0)),
    ("retention", deletion(0.90), deletion(0.89)),
    ("retention", slowdown(0.19), slowdown(0.21)),
    ("retention", erasure(59.9), erasure(60)),
    ("warehouse", warehouse(share=0.05), warehouse(share=0.051)),
    ("warehouse", warehouse(view_ms=4.9), warehouse(view_ms=5.0)),
    ("warehouse", warehouse(differences=0), warehouse(differences=1)),
]


@pytest.mark.parametrize(("name", "kept", "missed"), KEPT_AND_MISSED)
def test_a_command_fails_when_its_bound_is_missed(name: str, kept: Fill, missed: Fill) -> None:
    passing, failing = Report(name), Report(name)
    kept(passing)
    passing.finish()
    missed(failing)
    with pytest.raises(BoundMissedError, match=r"^1 of \d+ bounds? missed: "):
        failing.finish()


def test_a_missed_bound_is_an_error_for_a_person() -> None:
    assert issubclass(BoundMissedError, DarkroomError)


@pytest.mark.parametrize("direction", Direction)
def test_a_value_that_is_not_a_number_keeps_no_bound(direction: Direction) -> None:
    assert not Bound("ratio", math.nan, direction, 1.0).is_met


def test_formats_without_a_bound_are_reported_without_one() -> None:
    slow = {name: Cost(1.0, 1.0) for name in (PROCESSOR, NAIVE, TUNED, VIPS, ENGINE)}
    found = Report("processing")
    processing_engines.report_engines(found, "PNG", {2: [slow]})
    assert found.bounds == []
    assert found.figures["our_processor_to_naive_pillow_png"] == 1.0


def test_a_variant_that_was_left_out_has_no_ratio() -> None:
    found = Report("processing")
    costs = {PROCESSOR: Cost(2.0, 1.0), NAIVE: Cost(1.0, 1.0)}
    processing_engines.report_engines(found, "JPEG", {2: [costs]})
    assert [bound.name for bound in found.bounds] == ["our processor / naive Pillow, JPEG"]


def test_the_file_holds_figures_and_bounds_even_when_one_is_missed(reports: Path) -> None:
    found = Report("ingest", {"rounds": 3})
    ledger(0.5)(found)
    with pytest.raises(
        BoundMissedError, match=re.escape("ledger.register / raw COPY 0.50 (≥ 0.60)")
    ):
        found.finish()
    written = json.loads((reports / "ingest.json").read_text())
    assert written["rounds"] == 3
    assert written["ledger_register_to_raw_copy"] == 0.5
    assert written["bounds"] == [
        {
            "name": "ledger.register / raw COPY",
            "value": 0.5,
            "direction": "≥",
            "limit": 0.6,
            "unit": "",
            "is_met": False,
        }
    ]


def test_the_table_shows_every_bound_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    found = Report("retention")
    erasure(12.5)(found)
    slowdown(0.5)(found)
    capsys.readouterr()
    with pytest.raises(BoundMissedError):
        found.finish()
    shown = capsys.readouterr().out
    assert "erasure of 10,000 images" in shown
    assert "12.50 s" in shown
    assert "< 60 s" in shown
    assert "✓" in shown
    assert "✗" in shown
