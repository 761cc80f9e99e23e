"""The whole platform while its processes and servers are killed."""

import psutil
import pytest
from dagster import DagsterRunStatus

from assets.catalog.checks import balance
from assets.resources.warehouse import Warehouse
from infra.demo.demo import Demo, drop_into_bucket, produce_to_topic
from infra.demo.photographs import broken_files, photographs
from tests.e2e.conftest import Running
from tests.waiting import wait_until


def send(running: Running, folder: str, count: int) -> int:
    """Sends photographs to Kafka and to the bucket; returns the number of images."""
    pictures = list(photographs(count, seed=len(folder), megapixels=0.4))
    drop_into_bucket(running.object_store, folder, pictures, lambda: None)
    produce_to_topic(running.stack.settings(), pictures, lambda: None)
    return 2 * count


def assert_counts_add_up(running: Running) -> None:
    with Warehouse(running.stack.environment()["DATABASE_URL"]).connect() as connection:
        assert (balance(connection)["difference"] == 0).all()


def test_the_demo_shows_an_analyst_everything_that_was_sent(running):
    result = Demo(running.stack, count=6, folder=None).run()
    for outcome in result.outcomes:
        assert (outcome.processed, outcome.rejected) == (6, len(broken_files()))
    assert len(result.members) == 5
    assert {day["source"] for day in result.days} == {"bucket", "kafka"}


def test_a_run_killed_in_the_middle_of_a_batch_costs_no_image_and_doubles_none(running):
    before = running.finished()
    sent = send(running, "killed", 250)

    def half_done():
        started = running.runs("process_images", DagsterRunStatus.STARTED)
        is_under_way = before < running.finished() < before + sent
        return started[0] if started and is_under_way else None

    wait_until(half_done, "a processing run in the middle of its work")
    victim = half_done()
    psutil.Process(running.pid_of(victim.run_id)).kill()
    wait_until(lambda: running.finished() == before + sent, "every image to be finished")
    failed = running.runs("process_images", DagsterRunStatus.FAILURE)
    assert victim.run_id in {run.run_id for run in failed}
    [(renditions, images)] = running.query(
        "select count(*), count(distinct image_id) from image_catalog.rendition"
    )
    assert (renditions, images) == (
        2 * running.states()["processed"],
        running.states()["processed"],
    )
    assert_counts_add_up(running)


@pytest.mark.parametrize(
    ("server", "sensor", "message"),
    [
        ("kafka", "kafka_images", "Kafka at 127.0.0.1"),
        ("object_store", "raw_bucket", "S3 at http://127.0.0.1"),
    ],
)
def test_a_server_that_is_killed_fails_the_ticks_plainly_and_the_backlog_is_worked_off(
    running, server, sensor, message
):
    before = running.finished()
    wait_until(
        lambda: not running.runs("land_messages", DagsterRunStatus.STARTED), "an idle platform"
    )
    running.kill(server)
    wait_until(
        lambda: any(message in said for said in running.failed_ticks(sensor)), "a failed tick"
    )
    running.stack.start()
    sent = send(running, f"after {server}", 5)
    wait_until(lambda: running.finished() == before + sent, "the backlog to be worked off")
    assert_counts_add_up(running)


def test_a_database_that_is_killed_comes_back_and_the_backlog_is_worked_off(running):
    before = running.finished()
    pictures = list(photographs(5, seed=99, megapixels=0.4))
    running.kill("postgres")
    drop_into_bucket(running.object_store, "without a database", pictures, lambda: None)
    produce_to_topic(running.stack.settings(), pictures, lambda: None)
    running.stack.start()
    wait_until(lambda: running.finished() == before + 10, "the backlog to be worked off")
    assert_counts_add_up(running)
