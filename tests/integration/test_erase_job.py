"""The job that erases requested images, its sensor, and what Dagster knows of them: a number."""

from datetime import timedelta
from uuid import UUID

import dagster as dg
import pytest

from assets.errors import ServerUnavailableError
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection, read_open
from assets.retention.proof import prove
from assets.retention.receipt_store import read_receipts
from assets.retention.receipts import DeletionReason
from assets.timing import utc_now
from orchestration import sensors
from orchestration.erase import erase_images
from tests.integration.retention_helpers import purge


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def fill(platform, pictures) -> None:
    """Sends images from two sources and processes them; one of each source is rejected."""
    platform.produce([pictures[0].body, b"no image"], headers=[("uploader", b"ann")])
    platform.drop("own.jpg", pictures[1].body)
    platform.drop("letter.jpg", b"Dear colleagues")
    platform.land()
    platform.register()
    platform.process()


def ids(platform, source: str) -> list[str]:
    return [
        str(image)
        for image, of in platform.query("select image_id, source from image_catalog.image")
        if of == source
    ]


def request(platform, images=(), source=None, uploader=None) -> int:
    return Erasure(platform).request(ErasureSelection(tuple(map(UUID, images)), source, uploader))


def execute(platform, instance, number: int) -> dg.ExecuteInProcessResult:
    return erase_images.execute_in_process(
        run_config={"ops": {"erase_requested": {"config": {"request": number}}}},
        resources={"platform": platform},
        instance=instance,
        raise_on_error=False,
    )


def tick(platform, instance) -> dg.RunRequest | dg.SkipReason:
    with dg.build_sensor_context(instance=instance, resources={"platform": platform}) as context:
        return sensors.erasure_requests(context)


def counts(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [output] = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.event_specific_data.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.error)


def open_requests(platform) -> list[int]:
    with platform.warehouse.connect() as connection:
        return [one.number for one in read_open(connection)]


def test_images_requested_by_id_are_gone_with_all_their_copies(platform, pictures, instance):
    fill(platform, pictures)
    named = ids(platform, "bucket")
    result = execute(platform, instance, request(platform, named))
    assert counts(result)["images"] == 2
    assert len(ids(platform, "kafka")) == 2
    assert all(prove(platform, image, utc_now()).is_gone for image in map(UUID, named))


def test_images_of_an_uploader_are_gone_and_the_others_are_not(platform, pictures, instance):
    fill(platform, pictures)
    execute(platform, instance, request(platform, source="kafka", uploader="ann"))
    assert ids(platform, "kafka") == []
    assert len(ids(platform, "bucket")) == 2


def test_an_erasure_leaves_a_receipt_that_says_why(platform, pictures, instance):
    fill(platform, pictures)
    execute(platform, instance, request(platform, source="bucket"))
    with platform.warehouse.connect() as connection:
        [receipt] = read_receipts(connection)
    assert (receipt.why, receipt.images) == (DeletionReason.ERASURE, 2)


def test_a_completed_request_is_no_error(platform, pictures, instance):
    fill(platform, pictures)
    number = request(platform, ids(platform, "bucket"))
    execute(platform, instance, number)
    assert open_requests(platform) == []
    again = execute(platform, instance, number)
    assert (again.success, counts(again)) == (True, {"images": 0})


def test_a_number_that_no_request_has_is_refused(platform, instance):
    assert "no erasure request with the number 17" in failure(execute(platform, instance, 17))


def test_a_configuration_cannot_name_an_image(platform, pictures, instance):
    config = {"ops": {"erase_requested": {"config": {"image_ids": ["one"], "request": 1}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "image_ids"'):
        erase_images.execute_in_process(config, resources={"platform": platform})


def test_no_event_of_an_erasure_names_an_image(platform, pictures, instance):
    fill(platform, pictures)
    named = ids(platform, "bucket")
    run_id = execute(platform, instance, request(platform, named)).run_id
    told = repr([entry.to_json() for entry in instance.all_logs(run_id)])
    assert told
    assert not any(image in told for image in named)


def test_one_run_erases_what_several_requests_select(platform, pictures, instance):
    fill(platform, pictures)
    for image in ids(platform, "bucket"):
        number = request(platform, [image])
    assert tick(platform, instance).run_config == {
        "ops": {"erase_requested": {"config": {"request": number}}}
    }
    execute(platform, instance, number)
    assert ids(platform, "bucket") == []
    assert tick(platform, instance) == dg.SkipReason("No erasure request is open.")


def test_a_request_whose_run_failed_comes_back(platform, pictures, instance, monkeypatch):
    fill(platform, pictures)
    number = request(platform, ids(platform, "bucket"))
    with monkeypatch.context() as broken:
        broken.setattr(
            "assets.retention.erasure.Deletion.delete",
            lambda *_: (_ for _ in ()).throw(ServerUnavailableError("S3", "here", "away")),
        )
        assert not execute(platform, instance, number).success
    assert open_requests(platform) == [number]
    assert isinstance(tick(platform, instance), dg.SkipReason)
    monkeypatch.setattr(sensors, "_RETRY_AFTER", timedelta(0))
    assert isinstance(tick(platform, instance), dg.RunRequest)


def test_a_purge_completes_open_requests(platform, pictures):
    fill(platform, pictures)
    request(platform, source="bucket")
    purge(platform, utc_now())
    assert (ids(platform, "bucket"), open_requests(platform)) == ([], [])
