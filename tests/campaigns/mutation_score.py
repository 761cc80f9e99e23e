"""The share of mutants that the unit tests kill, from the statistics that mutmut exports."""

import json
import sys
from pathlib import Path

from infra.console import notices
from infra.report import Bound, BoundMissedError, Direction, Report

STATISTICS = Path("mutants/mutmut-cicd-stats.json")
COUNTED = ("killed", "timeout", "survived", "suspicious", "no_tests")
LEAST_SHARE = 0.9


def main() -> None:
    """Prints the share and ends with exit code 1 if it is below `LEAST_SHARE`."""
    counts = json.loads(STATISTICS.read_text())
    found = Report("mutation", {key: counts[key] for key in COUNTED})
    killed = counts["killed"] + counts["timeout"]
    count = sum(counts[key] for key in COUNTED)
    name = f"{count:,} mutants, killed"
    found.check(Bound(name, killed / count, Direction.AT_LEAST, LEAST_SHARE, "%"))
    try:
        found.finish()
    except BoundMissedError as error:
        notices.print(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
