"""What `workspace.yaml` names loads, and holds what the platform promises."""

import dagster as dg
import pytest

from assets.job_families import FAMILY, JobFamily

FAMILIES = {family.value for family in JobFamily}

SOURCES = {
    "kafka/image_messages",
    "raw_bucket/dropped_images",
    "ASSESSMENT/TB_MEMBERSHIP",
    "ASSESSMENT/TB_ITEM",
    "ASSESSMENT/TB_TRANSACTION",
    "ASSESSMENT/TB_TRANSACTION_ITEM_MAPPING",
}
EXTERNAL = SOURCES | {"warehouse/grants", "image_catalog/horizon"}
OWN = {
    "raw_bucket/landed_images",
    "image_catalog/image",
    "processed_bucket/rendition_files",
    "image_catalog/rendition",
    "retention/purge_receipt",
    "dagster/run_records",
}
BEGINNINGS = EXTERNAL | {"dagster/run_records"}
GENERIC_DBT_TESTS = ("not_null_", "unique_", "accepted_values_", "relationships_")


@pytest.fixture(scope="session")
def repository(defs: dg.Definitions) -> dg.RepositoryDefinition:
    return defs.get_repository_def()


def keys_in_graph(repository: dg.RepositoryDefinition) -> set[str]:
    return {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}


def checks(repository: dg.RepositoryDefinition) -> dict[str, str]:
    """The asset of each check, by the check's name."""
    found = repository.asset_graph.asset_check_keys
    return {check.name: check.asset_key.to_user_string() for check in found}


def test_every_definition_resolves(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_jobs_are_those_of_the_platform(repository: dg.RepositoryDefinition) -> None:
    names = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert names == {
        "land_messages",
        "replay_messages",
        "erase_images",
        "register_objects",
        "process_images",
        "build_views",
        "enforce_retention",
        "check_retention",
        "check_images",
        "check_access",
        "check_sales",
        "refresh_sales",
    }


def test_every_job_belongs_to_a_family(repository: dg.RepositoryDefinition) -> None:
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert [job.name for job in jobs if job.tags.get(FAMILY) not in FAMILIES] == []


def test_the_sensors_are_those_of_the_platform(repository: dg.RepositoryDefinition) -> None:
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "kafka_images",
        "raw_bucket",
        "image_backlog",
        "sales_changes",
        "release_claims_of_failed_runs",
        "erasure_requests",
    }


def test_the_schedules_are_those_of_the_platform(repository: dg.RepositoryDefinition) -> None:
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "enforce_retention_hourly",
        "check_retention_hourly",
        "build_views_hourly",
        "check_images_every_quarter_hour",
        "check_sales_daily",
        "check_access_daily",
    }


def test_every_sensor_runs_unless_a_person_switches_it_off(
    repository: dg.RepositoryDefinition,
) -> None:
    running = dg.DefaultSensorStatus.RUNNING
    assert [s.name for s in repository.sensor_defs if s.default_status is not running] == []


def test_every_schedule_runs_unless_a_person_switches_it_off(
    repository: dg.RepositoryDefinition,
) -> None:
    running = dg.DefaultScheduleStatus.RUNNING
    assert [s.name for s in repository.schedule_defs if s.default_status is not running] == []


def test_every_schedule_is_told_in_utc(repository: dg.RepositoryDefinition) -> None:
    zones = {schedule.execution_timezone for schedule in repository.schedule_defs}
    assert zones <= {None, "UTC"}


def test_every_job_and_sensor_says_what_it_is_for(repository: dg.RepositoryDefinition) -> None:
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    silent = [one.name for one in (*jobs, *repository.sensor_defs) if not one.description]
    assert silent == []


def test_the_assets_of_python_and_the_outside_sources_are_in_the_graph(
    repository: dg.RepositoryDefinition,
) -> None:
    assert keys_in_graph(repository) >= OWN | EXTERNAL


def test_the_views_of_analysts_are_in_the_graph(repository: dg.RepositoryDefinition) -> None:
    assert keys_in_graph(repository) >= {
        "analytics/view_member_sales_summary",
        "analytics/view_image_daily_summary",
    }


def test_every_asset_has_a_group_of_its_own(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    ungrouped = [
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).group_name in {None, "default"}
    ]
    assert ungrouped == []


def test_every_asset_has_an_owner(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    keys = graph.get_all_asset_keys()
    assert [key.to_user_string() for key in keys if not graph.get(key).owners] == []


def test_every_asset_has_a_kind(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    keys = graph.get_all_asset_keys()
    assert [key.to_user_string() for key in keys if not graph.get(key).kinds] == []


def test_every_assets_description_begins_with_a_sentence(
    repository: dg.RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    descriptions = {
        key.to_user_string(): (graph.get(key).description or "").strip()
        for key in graph.get_all_asset_keys()
    }
    assert [key for key, text in descriptions.items() if len(text.split(". ")[0]) < 10] == []


def test_only_the_outside_sources_and_dagsters_own_records_have_nothing_upstream(
    repository: dg.RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    keys = graph.get_all_asset_keys()
    assert {key.to_user_string() for key in keys if not graph.get(key).parent_keys} == BEGINNINGS


def test_only_the_outside_sources_are_made_elsewhere(repository: dg.RepositoryDefinition) -> None:
    external = {key.to_user_string() for key in repository.asset_graph.external_asset_keys}
    assert external == EXTERNAL


def test_from_each_door_the_lineage_leads_to_what_analysts_see(
    repository: dg.RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    for source in SOURCES:
        reached = dg.AssetSelection.assets(dg.AssetKey(source.split("/"))).downstream()
        views = {key for key in reached.resolve(graph) if key.path[0] == "analytics"}
        assert views, f"nothing that analysts see comes from {source}"


def test_every_asset_is_made_by_a_job(repository: dg.RepositoryDefinition) -> None:
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    made = {key for job in jobs for key in job.asset_layer.selected_asset_keys}
    assert repository.asset_graph.materializable_asset_keys - made == set()


def test_conservation_age_and_access_are_checked(repository: dg.RepositoryDefinition) -> None:
    assert (
        checks(repository).items()
        >= {
            "landed_equals_waiting_processed_rejected_purged": "image_catalog/image",
            "no_offset_gap_is_unexplained": "raw_bucket/landed_images",
            "no_copy_is_older_than_retention": "retention/purge_receipt",
            "every_row_has_its_objects": "retention/purge_receipt",
            "every_object_has_its_row": "retention/purge_receipt",
            "receipts_chain_is_intact": "retention/purge_receipt",
            "the_topic_forgets_within_the_retention": "retention/purge_receipt",
            "grants_match_the_access_file": "warehouse/grants",
            "every_change_of_a_sales_table_is_stamped_audited_and_queued": "warehouse/grants",
        }.items()
    )


def test_the_checks_of_retention_do_not_wait_for_a_purge_that_may_fail(
    repository: dg.RepositoryDefinition,
) -> None:
    job = repository.get_job("check_retention")
    assert job.asset_layer.selected_asset_keys == set()
    assert {"inventory_of_all_copies"} < {node.name for node in job.nodes}


def test_the_name_of_every_check_of_our_own_is_a_sentence(
    repository: dg.RepositoryDefinition,
) -> None:
    own = [name for name in checks(repository) if not name.startswith(GENERIC_DBT_TESTS)]
    assert [name for name in own if len(name.split("_")) < 4 or name != name.lower()] == []


def test_every_check_has_a_description(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    assert [key for key in graph.asset_check_keys if not graph.get(key).description] == []


def test_a_check_blocks_only_what_another_asset_is_made_of(
    repository: dg.RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    blocking = [key for key in graph.asset_check_keys if graph.get(key).blocking]
    assert blocking
    assert [key for key in blocking if not graph.get(key.asset_key).child_keys] == []


def test_every_view_that_analysts_see_is_checked(repository: dg.RepositoryDefinition) -> None:
    views = {key for key in keys_in_graph(repository) if key.startswith("analytics/view_")}
    assert views - set(checks(repository).values()) == set()
