"""The job that erases chosen images, and how Dagster forgets that it ran."""

import zlib
from uuid import UUID, uuid4

import dagster as dg
import pytest

from assets.retention.proof import prove
from assets.retention.receipt_store import read_receipts
from assets.retention.receipts import DeletionReason
from assets.timing import utc_now
from orchestration.erase import erase_images
from orchestration.sensors import forget_erasure_runs


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


def execute(platform, instance, **config) -> dg.ExecuteInProcessResult:
    return erase_images.execute_in_process(
        run_config={"ops": {"erase_chosen": {"config": config}}},
        resources={
            "platform": platform,
        },
        instance=instance,
        raise_on_error=False,
    )


def counts(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [output] = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.event_specific_data.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.error)


def stored(instance) -> str:
    """Returns all that Dagster keeps, in every table, as text."""
    found = []
    for storage in (instance.run_storage, instance.event_log_storage):
        connect = getattr(storage, "index_connection", None) or storage.connect
        with connect() as connection:
            tables = connection.exec_driver_sql(
                "select name from sqlite_master where type = 'table'"
            ).scalars()
            for table in list(tables):
                rows = connection.exec_driver_sql(f'select * from "{table}"')
                found += [str(_plain(value)) for row in rows for value in row]
    return "\n".join(found)


def _plain(value: object) -> object:
    return zlib.decompress(value) if isinstance(value, bytes) else value


def add_run(instance, status, root_run_id=None, job_name="erase_images") -> str:
    """Adds a run's record; one that repeats another names the first of them."""
    run = dg.DagsterRun(
        job_name=job_name,
        run_id=str(uuid4()),
        status=status,
        root_run_id=root_run_id,
        parent_run_id=root_run_id,
        tags={"dagster/root_run_id": root_run_id} if root_run_id else {},
    )
    return instance.add_run(run).run_id


def tick(instance) -> str:
    with dg.build_sensor_context(instance=instance) as context:
        return forget_erasure_runs(context).skip_message


def test_images_named_by_id_are_gone_with_all_their_copies(platform, pictures, instance):
    fill(platform, pictures)
    named = ids(platform, "bucket")
    result = execute(platform, instance, image_ids=named)
    assert counts(result)["images"] == 2
    assert len(ids(platform, "kafka")) == 2
    assert all(prove(platform, image, utc_now()).is_gone for image in map(UUID, named))


def test_images_of_an_uploader_are_gone_and_the_others_are_not(platform, pictures, instance):
    fill(platform, pictures)
    execute(platform, instance, source="kafka", uploader="ann")
    assert ids(platform, "kafka") == []
    assert len(ids(platform, "bucket")) == 2


def test_an_erasure_leaves_a_receipt_that_says_why(platform, pictures, instance):
    fill(platform, pictures)
    execute(platform, instance, source="bucket")
    with platform.warehouse.connect() as connection:
        [receipt] = read_receipts(connection)
    assert (receipt.why, receipt.images) == (DeletionReason.ERASURE, 2)


def test_what_is_gone_already_is_no_error(platform, pictures, instance):
    fill(platform, pictures)
    named = ids(platform, "bucket")
    execute(platform, instance, image_ids=named)
    again = execute(platform, instance, image_ids=named)
    assert (again.success, counts(again)) == (True, {"images": 0})


def test_a_configuration_that_names_nothing_erases_nothing(platform, pictures, instance):
    fill(platform, pictures)
    result = execute(platform, instance)
    assert "Say which images to erase" in failure(result)
    assert len(ids(platform, "bucket")) == 2


def test_a_source_that_does_not_exist_is_refused_with_those_that_do(platform, instance):
    assert "choose one of kafka, bucket, upload" in failure(
        execute(platform, instance, source="post")
    )


def test_an_id_that_is_none_is_told_by_its_place_and_never_by_itself(platform, instance):
    named = ["6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d", "77777777-51d4-5b0e"]
    result = execute(platform, instance, image_ids=named)
    assert "Number 2 of the ids is not an image id" in failure(result)
    assert not any(named[1] in str(event) for event in result.all_events)


def test_after_a_tick_dagster_knows_nothing_of_an_erasure_that_succeeded(
    platform, pictures, instance
):
    fill(platform, pictures)
    [image, _] = ids(platform, "bucket")
    run_id = execute(platform, instance, image_ids=[image]).run_id
    assert image in stored(instance)
    tick(instance)
    assert list(instance.all_logs(run_id)) == []
    assert instance.get_run_by_id(run_id) is None
    assert image not in stored(instance)


def test_no_event_of_an_erasure_names_an_image(platform, pictures, instance):
    fill(platform, pictures)
    named = ids(platform, "bucket")
    run_id = execute(platform, instance, image_ids=named).run_id
    told = repr([entry.to_json() for entry in instance.all_logs(run_id)])
    assert told
    assert not any(image in told for image in named)


def test_an_erasure_that_failed_is_kept_for_the_person_who_repeats_it(platform, instance):
    failed = execute(platform, instance, source="post")
    assert tick(instance).startswith("0 runs")
    assert instance.get_run_by_id(failed.run_id).status is dg.DagsterRunStatus.FAILURE


def test_a_failed_erasure_is_forgotten_with_its_repetition_that_succeeded(instance):
    first = add_run(instance, dg.DagsterRunStatus.FAILURE)
    add_run(instance, dg.DagsterRunStatus.FAILURE, first)
    add_run(instance, dg.DagsterRunStatus.SUCCESS, first)
    another = add_run(instance, dg.DagsterRunStatus.FAILURE)
    assert tick(instance).startswith("3 runs")
    assert [run.run_id for run in instance.get_runs()] == [another]


def test_other_jobs_are_not_forgotten(instance):
    add_run(instance, dg.DagsterRunStatus.SUCCESS, job_name="another")
    assert tick(instance).startswith("0 runs")
    assert len(instance.get_runs()) == 1
