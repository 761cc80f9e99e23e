"""A chaos campaign from start to report: faults while images stream through all sources."""

import secrets
import shutil
import signal
import time
from pathlib import Path
from random import Random

from infra.console import console, say
from infra.progress import progress_bar
from tests.campaigns.chaos.campaign import Campaign, CampaignOptions
from tests.campaigns.chaos.final_check import FinalCheck
from tests.campaigns.chaos.injector import FaultInjector
from tests.campaigns.chaos.monitor import Monitor
from tests.campaigns.chaos.monitor import Progress as Seen
from tests.campaigns.chaos.plan import Fault
from tests.campaigns.chaos.platform import CampaignPlatform, running_platform
from tests.campaigns.chaos.report import print_report, report_of
from tests.campaigns.chaos.verdict import Verdict

_SECONDS_PER_FAULT = 12.0
_IMAGES_PER_SECOND = 10.0
# During the faults little is finished; afterwards images are finished at this rate at least.
_FINISH_SECONDS = 600.0
_IMAGES_FINISHED_PER_SECOND = 5.0
# The topic gets a larger share: most images come from there.
_SHARES = {"kafka": 0.4, "bucket": 0.3, "upload": 0.3}


def run(
    kills: int, images: int, kafka: str, minutes: float | None = None, seed: int | None = None
) -> None:
    """Runs a campaign, prints its report and writes it as JSON.

    Args:
        kafka: Which broker: `tansu` or `apache`.
        minutes: How long images are sent; None: 12 seconds per fault.
        seed: Repeats the images and faults of an earlier campaign.

    Raises `BoundMissedError` when an image was lost, duplicated or stuck, or something else is
    wrong, and `DarkroomError` when a server cannot be started, or the platform does not recover.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it
    seed = secrets.randbelow(10**6) if seed is None else seed
    console.print(f"[bold]Chaos campaign[/], {kills} faults, {images} images, --seed {seed}")
    started = time.monotonic()
    verdict, injected, folder = _run_campaign(_options(kills, images, minutes, seed), kafka)
    print_report(console, verdict, injected)
    if verdict.is_clean:
        shutil.rmtree(folder)
    else:
        console.print(f"State and logs are in {folder}")
    report_of(kafka, verdict, injected, time.monotonic() - started).finish()


def _options(kills: int, images: int, minutes: float | None, seed: int) -> CampaignOptions:
    counts = {source: round(images * share) for source, share in _SHARES.items()}
    seconds = max(kills * _SECONDS_PER_FAULT, images / _IMAGES_PER_SECOND)
    if minutes is not None:
        seconds = 60 * minutes
    return CampaignOptions(kills, counts, seed, seconds, seconds + _FINISH_SECONDS)


def _run_campaign(options: CampaignOptions, kafka: str) -> tuple[Verdict, list[Fault], Path]:
    with running_platform(kafka, say, _report) as platform, progress_bar() as bars:
        records = platform.stack.state.path("senders", "kept").parent
        total = sum(options.counts.values())
        tasks = {
            name: bars.add_task(name, total=total) for name in ("acknowledged", "known", "finished")
        }
        tasks["faults"] = bars.add_task("faults", total=options.faults)

        def show(seen: Seen) -> None:
            for name in ("acknowledged", "known", "finished"):
                bars.update(tasks[name], completed=getattr(seen, name))
            bars.update(tasks["faults"], completed=len(campaign.injected))

        monitor = Monitor(platform.addresses.settings, records, platform.supervision, show)
        campaign = _campaign(platform, options, monitor)
        campaign.run()
        seconds = _FINISH_SECONDS + total / _IMAGES_FINISHED_PER_SECOND
        final_check = FinalCheck(
            monitor, platform.analyst, platform.stack.ports.dagster, seconds, _report
        )
        return final_check.verdict(), campaign.injected, platform.stack.state.root


def _campaign(platform: CampaignPlatform, options: CampaignOptions, monitor: Monitor) -> Campaign:
    rng = Random(options.seed)  # noqa: S311 - chooses targets, no secret
    injector = FaultInjector(platform.stack, platform.network, rng, _report)
    return Campaign(options, injector, platform.addresses, monitor, _report)


def _report(sentence: str) -> None:
    console.print(f"  [dim]{time.strftime('%H:%M:%S')}[/] {sentence}")
