"""The whole asset with S3, ledger and servers on the same cores: its rate, stages and memory."""

from collections.abc import Mapping, Sequence

from psycopg.rows import dict_row

from assets.ingestion.bucket.registration import Registration
from assets.platform import Platform
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from benchmarks.bare_loops import tuned
from benchmarks.processing_variants import PROCESSES, TUNED, make_inputs, measure_loop
from benchmarks.rounds import Comparison, measure_rounds, measure_variants
from benchmarks.runs import ProcessingRun, waiting_run
from benchmarks.sampling import cpu_seconds
from infra.console import console
from infra.local.stack import Stack
from infra.report import Bound, Direction, MeasurementError, Report

ASSET = "the whole asset"
ASSET_RATES = Comparison(ASSET, "images", {TUNED: 0.70})
TIME_GROWTH_LIMIT, MEMORY_GROWTH_LIMIT = 10.5, 1.1

_GROWTH = 10
_MEGAPIXELS = 2
_MIB = 1024**2
_STAGE_SECONDS = """
    select
        sum(fetch_seconds)::float8 as fetch,
        sum(decode_seconds)::float8 as decode,
        sum(render_seconds)::float8 as render,
        sum(encode_seconds)::float8 as encode,
        sum(describe_seconds)::float8 as describe,
        sum(store_seconds)::float8 as store
    from image_catalog.image
    where state = 'processed' and starts_with(object_key, %s)
"""


Measured = tuple[ProcessingRun, Mapping[str, float]]
"""A run, and the CPU seconds of each server during it."""


def bench_asset(report: Report, stack: Stack, rounds: int, images: int) -> None:
    """Measures the whole asset beside a bare tuned loop over the same photographs."""
    settings, inputs = stack.settings(), make_inputs("JPEG", _MEGAPIXELS, _MEGAPIXELS * images)
    runs: list[Measured] = []

    def asset() -> float:
        arrive(settings, f"asset-{len(runs)}", inputs.bodies, images)
        runs.append(process_all(stack, images))
        return images / runs[-1][0].seconds

    def loop() -> float:
        return measure_loop(tuned, inputs).images_per_second

    measured = measure_rounds(
        f"the asset, {images} images",
        rounds,
        lambda turn: measure_variants({ASSET: asset, TUNED: loop}, turn),
    )
    ASSET_RATES.report_rates(report, measured)
    _report_stages(report, settings, f"asset-{len(runs) - 1}/")
    _print_run(runs[-1])
    for name, seconds in runs[-1][1].items():
        report.add({f"{name}_cpu_ms_per_image": 1000 * seconds / images})


def bench_growth(report: Report, stack: Stack, images: int) -> None:
    """Measures the asset over some images and over ten times as many: time and memory."""
    settings, inputs = stack.settings(), make_inputs("JPEG", _MEGAPIXELS, _MEGAPIXELS)
    runs = []
    for count in (images, _GROWTH * images):
        with console.status(f"growth: {count} images"):
            arrive(settings, f"growth-{count}", inputs.bodies, count)
            measured = process_all(stack, count)
        _print_run(measured)
        runs.append(measured[0])
    report_growth(report, *runs)


def report_growth(report: Report, few: ProcessingRun, many: ProcessingRun) -> None:
    """Reports by how much time and memory grow with ten times the images."""
    run, worker, memory_limit = many.run_peak_bytes, many.worker_peak_bytes, MEMORY_GROWTH_LIMIT
    for what, key, ratio, limit in (
        ("time", "time", many.seconds / few.seconds, TIME_GROWTH_LIMIT),
        ("memory of the run", "run_memory", run / few.run_peak_bytes, memory_limit),
        ("memory of a worker", "worker_memory", worker / few.worker_peak_bytes, memory_limit),
    ):
        name = f"{what} for {_GROWTH} times the images"
        report.check(Bound(name, ratio, Direction.AT_MOST, limit, "times"))
        report.add({f"growth_of_{key}": ratio})
    report.add({"run_peak_mib": run / _MIB, "worker_peak_mib": worker / _MIB})


def arrive(settings: Settings, folder: str, bodies: Sequence[bytes], count: int) -> None:
    """Puts images into the raw bucket and registers them, before anything is measured.

    Raises `MeasurementError` when fewer were registered.
    """
    platform = Platform.from_settings(settings)
    for number in range(count):
        key, body = f"{folder}/{number:06d}", bodies[number % len(bodies)]
        platform.object_store.put(settings.raw_bucket, key, body, "image/jpeg")
    registered = 0
    while registered < count:
        new_images = Registration(platform).run().new_images
        if not new_images:
            raise MeasurementError(f"Only {registered} of {count} images were registered.")
        registered += new_images


def process_all(stack: Stack, count: int) -> Measured:
    """Processes all waiting images, in a process of its own.

    Raises `MeasurementError` when the run failed, or processed another number of images.
    """
    names = {"RUN_LINGER_SECONDS": "0", "PROCESSING_WORKERS": str(PROCESSES)}
    before = _servers_cpu_seconds(stack)
    with waiting_run(ProcessingRun, {**stack.environment(), **names}) as execute:
        run = execute()
    servers = {name: now - before[name] for name, now in _servers_cpu_seconds(stack).items()}
    if run.processed != count:
        raise MeasurementError(f"{run.processed} of {count} images were processed.")
    return run, servers


def _servers_cpu_seconds(stack: Stack) -> dict[str, float]:
    running = {server.name: server.process() for server in stack.servers}
    return {name: cpu_seconds(process) for name, process in running.items() if process}


def _report_stages(report: Report, settings: Settings, folder: str) -> None:
    """Reports the stages of the images below a folder of the raw bucket."""
    with Warehouse.from_settings(settings).connect() as connection:
        [seconds] = connection.cursor(row_factory=dict_row).execute(_STAGE_SECONDS, [folder])
    shares = {name: spent / sum(seconds.values()) for name, spent in seconds.items()}
    text = "  ".join(f"{name} {share:.0%}" for name, share in shares.items())
    console.print(f"share of each stage: {text}")
    report.add({f"share_of_{name}": share for name, share in shares.items()})


def _print_run(measured: Measured) -> None:
    run, servers_cpu_seconds = measured
    spent = {"workers": run.workers_cpu_seconds, "run": run.run_cpu_seconds}
    spent |= servers_cpu_seconds
    text = ", ".join(
        f"{name} {1000 * seconds / run.processed:.1f}" for name, seconds in spent.items()
    )
    console.print(
        f"{run.processed} images in {run.seconds:.1f} s; CPU milliseconds per image: {text}; at "
        f"most {run.run_peak_bytes / _MIB:.0f} MiB in the run, {run.worker_peak_bytes / _MIB:.0f} "
        "MiB in a worker"
    )
