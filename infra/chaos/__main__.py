"""`make chaos`: kill things at random while images stream through all doors, and count them."""

from __future__ import annotations

import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from random import Random

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from assets.resources.errors import ServerError
from infra.chaos.campaign import Campaign, Terms
from infra.chaos.lookout import CampaignError, Lookout
from infra.chaos.lookout import Progress as Seen
from infra.chaos.plan import Blow
from infra.chaos.report import figures, print_report, write_report
from infra.chaos.settling import Settling
from infra.chaos.stage import Stage, staged
from infra.chaos.striker import Striker
from infra.chaos.verdict import Verdict
from infra.local.console import console, say
from infra.local.errors import StackError

_SECONDS_PER_BLOW = 12.0
_IMAGES_PER_SECOND = 10.0
# Blows that never stop let little be finished; the rest is done behind them, at some pace at least.
_SETTLE_SECONDS = 600.0
_IMAGES_SETTLED_PER_SECOND = 5.0
# Of three doors the topic takes a little more: it is where most images come from.
_SHARES = {"kafka": 0.4, "bucket": 0.3, "upload": 0.3}


@click.command()
@click.option("--kills", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--images", default=2000, show_default=True, type=click.IntRange(min=10))
@click.option("--kafka", type=click.Choice(["tansu", "apache"]), default="tansu", show_default=True)
@click.option("--minutes", type=click.FloatRange(min=1), help="Default: 12 seconds for a blow.")
@click.option("--seed", type=int, help="Repeat the images and blows of an earlier campaign.")
def main(kills: int, images: int, kafka: str, minutes: float | None, seed: int | None) -> None:
    """Kill, cut and delay at random while images stream in; fail if any is lost or doubled."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it
    seed = secrets.randbelow(10**6) if seed is None else seed
    console.print(f"[bold]Darkroom kill campaign[/], {kills} blows, {images} images, SEED={seed}")
    started = time.monotonic()
    try:
        verdict, dealt, folder = _fight(_terms(kills, images, minutes, seed), kafka)
    except (StackError, ServerError, CampaignError) as error:
        console.print(f"[bold red]✗[/] {error}")
        sys.exit(1)
    print_report(console, verdict, dealt)
    path = write_report(kafka, figures(verdict, dealt, time.monotonic() - started))
    if not verdict.is_clean:
        console.print(f"[bold red]✗[/] Not every image is where it must be. State: {folder}")
        sys.exit(1)
    shutil.rmtree(folder)
    console.print(f"[bold green]✓[/] Lost 0, duplicated 0, stuck 0. The same as JSON: {path}")


def _terms(kills: int, images: int, minutes: float | None, seed: int) -> Terms:
    counts = {door: round(images * share) for door, share in _SHARES.items()}
    seconds = max(kills * _SECONDS_PER_BLOW, images / _IMAGES_PER_SECOND)
    if minutes is not None:
        seconds = 60 * minutes
    return Terms(kills, counts, seed, seconds, seconds + _SETTLE_SECONDS)


def _fight(terms: Terms, kafka: str) -> tuple[Verdict, list[Blow], Path]:
    with staged(kafka, say, _tell) as stage, _bars() as bars:
        records = stage.stack.state.path("senders", "kept").parent
        total = sum(terms.counts.values())
        tasks = {
            name: bars.add_task(name, total=total) for name in ("acknowledged", "known", "finished")
        }
        tasks["blows"] = bars.add_task("blows", total=terms.blows)

        def show(seen: Seen) -> None:
            for name in ("acknowledged", "known", "finished"):
                bars.update(tasks[name], completed=getattr(seen, name))
            bars.update(tasks["blows"], completed=len(campaign.dealt))

        lookout = Lookout(stage.addresses.settings, records, stage.watching, show)
        campaign = _campaign(stage, terms, lookout)
        campaign.fight()
        seconds = _SETTLE_SECONDS + total / _IMAGES_SETTLED_PER_SECOND
        settling = Settling(lookout, stage.analyst, stage.stack.ports.dagster, seconds, _tell)
        return settling.verdict(), campaign.dealt, stage.stack.state.root


def _campaign(stage: Stage, terms: Terms, lookout: Lookout) -> Campaign:
    chance = Random(terms.seed)  # noqa: S311 - chooses victims, no secret
    striker = Striker(stage.stack, stage.network, chance, _tell)
    return Campaign(terms, striker, stage.addresses, lookout, _tell)


def _bars() -> Progress:
    return Progress(
        TextColumn("  {task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _tell(sentence: str) -> None:
    console.print(f"  [dim]{time.strftime('%H:%M:%S')}[/] {sentence}")


if __name__ == "__main__":
    main(prog_name="make chaos")
