"""`darkroom demo`: the platform at work, and what an analyst then sees."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from assets.errors import StackError
from infra.console import OK, console, counted, notices, print_json, print_table, to_json
from infra.console import say as show_step
from infra.demo.demo import Demo, DemoResult
from infra.demo.outcome import Row
from infra.local.stack import Stack

_MEMBER_COLUMNS = {
    "first_name": "first",
    "last_name": "last",
    "membership_status": "status",
    "completed_transactions": "done",
    "items": "items",
    "total_spent": "spent",
    "total_weight_kg": "kg",
    "average_basket": "basket",
}
_DAY_COLUMNS = {
    "arrived_on": "day",
    "source": "source",
    "landed_images": "landed",
    "processed_images": "done",
    "rejected_images": "rejected",
    "megapixels": "MP",
    "median_seconds_to_processed": "median s",
    "p95_seconds_to_processed": "p95 s",
}


def demo(folder: str | None, count: int, allow_outside: bool, json: bool) -> None:
    """Sends photographs and sales through the platform that runs, or through one of its own.

    Raises:
        StackError: Outside servers are named and not allowed, or a server cannot be started.
    """
    stack = Stack.of_project(show_step)
    if stack.outside_servers and not allow_outside:
        raise StackError(
            f"The demo would send images and sales to the servers that "
            f"{' and '.join(stack.outside_servers)} name; --allow-outside lets it."
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it
    result = _run(stack, Demo(stack, count, Path(folder) if folder else None))
    path = stack.state.path("demo.json")
    path.write_text(to_json(figures(result)) + "\n")
    if json:
        print_json(figures(result))
        return
    print_report(result)
    console.print(f"{OK} Everything sent came through. The same as JSON: {path}", soft_wrap=True)


def _run(stack: Stack, demo: Demo) -> DemoResult:
    if stack.web_server.is_running:
        address = f"http://127.0.0.1:{stack.ports.dagster}"
        notices.print(f"[bold]Darkroom demo[/], on the platform that runs at {address}")
        return demo.run()
    notices.print("[bold]Darkroom demo[/]")
    try:
        with demo.step("start"):
            stack.prepare(*stack.dagster)
            stack.start()
            stack.start_dagster()
        result = demo.run()
        demo.drain()
    finally:
        stack.stop()
    return result


def print_report(result: DemoResult) -> None:
    """Prints what happened as tables."""
    retention = result.retention
    print_table(
        [
            {
                "source": one.source,
                "sent": result.sent[one.source],
                "processed": one.processed,
                "rejected": one.rejected,
                "why": "\n".join(f"{count} {why}" for why, count in one.reasons.items()),
                "median s": one.median_seconds,
                "p95 s": one.p95_seconds,
            }
            for one in result.outcomes
        ],
        title="Images",
        caption="seconds: from arrival to visible in the analysts' views",
        styles={"processed": lambda _: "green", "rejected": lambda _: "yellow"},
    )
    print_table(
        [
            {
                "oldest copy": retention.oldest_copy,
                "hours": retention.oldest_hours,
                "allowed": retention.hours,
                "receipts": retention.receipts,
                "receipt chain": "intact" if retention.is_chain_intact else "broken",
                "first image purged": retention.first_goes_at,
            }
        ],
        title="Retention",
        caption="`darkroom images prove ID` proves for an image that it is gone",
        styles={"receipt chain": lambda text: "green" if text == "intact" else "red"},
    )
    console.print("[bold]What a person of TEAM_ANALYTICS sees[/]")
    _print_rows("analytics.view_member_sales_summary", result.members, _MEMBER_COLUMNS)
    _print_rows("analytics.view_image_daily_summary", result.days, _DAY_COLUMNS)
    steps = " · ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds.items())
    rate = f"{result.images_per_second:.1f} images/s from arrival to visible"
    console.print(f"[dim]{steps} · {rate}[/]", soft_wrap=True)
    console.print(f"{OK} {counted(result.checks, 'asset check')} evaluated, none failed.")


def figures(result: DemoResult) -> dict[str, object]:
    """Returns the same for JSON: flat keys, and the analyst's rows."""
    flat: dict[str, object] = {}
    for outcome in result.outcomes:
        prefix = f"images.{outcome.source}"
        flat |= {
            f"{prefix}.sent": result.sent[outcome.source],
            f"{prefix}.processed": outcome.processed,
            f"{prefix}.rejected": outcome.rejected,
            f"{prefix}.latency_median_seconds": outcome.median_seconds,
            f"{prefix}.latency_p95_seconds": outcome.p95_seconds,
        }
        flat |= {f"{prefix}.rejected.{why}": count for why, count in outcome.reasons.items()}
    flat["images_per_second"] = round(result.images_per_second, 3)
    flat |= {f"seconds.{name}": round(seconds, 2) for name, seconds in result.seconds.items()}
    flat |= {
        "retention.oldest_copy_hours": round(result.retention.oldest_hours, 4),
        "retention.hours": result.retention.hours,
        "retention.receipts": result.retention.receipts,
        "retention.receipts_chain_is_intact": result.retention.is_chain_intact,
        "retention.first_image_goes_at": result.retention.first_goes_at,
    }
    flat["checks"] = result.checks
    flat["view_member_sales_summary"] = result.members
    flat["view_image_daily_summary"] = result.days
    return flat


def _print_rows(title: str, rows: Sequence[Row], columns: Mapping[str, str]) -> None:
    print_table([{columns[name]: row[name] for name in columns} for row in rows], title=title)
