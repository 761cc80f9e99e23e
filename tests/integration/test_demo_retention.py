"""How the demo says that retention stands, on real servers."""

from datetime import UTC, datetime, timedelta

from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection
from infra.demo.outcome import outcomes_since, read_retention


def test_the_demo_reads_the_oldest_copy_the_receipts_and_when_its_first_image_goes(platform):
    now = datetime.now(UTC)
    sent_at = now - timedelta(hours=10)
    platform.produce([b"", b""], sent_at=sent_at)
    platform.produce([b""])
    platform.land()
    erasure = Erasure(platform)
    [young, *_] = platform.query(
        "select image_id from image_catalog.image order by arrived_at desc"
    )
    erasure.run(erasure.request(ErasureSelection(young)), now)
    with platform.warehouse.connect() as connection:
        outcomes = outcomes_since(connection, now - timedelta(hours=1))
    state = read_retention(platform.settings, outcomes, now)
    assert round(state.oldest_hours, 2) == 10
    assert (state.hours, state.receipts, state.is_chain_intact) == (168, 1, True)
    first = sent_at.replace(microsecond=sent_at.microsecond // 1000 * 1000)
    assert state.first_goes_at == first + platform.settings.purge_age
