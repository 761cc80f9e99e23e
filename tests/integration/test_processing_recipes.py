"""A day is processed again by another recipe: old renditions are replaced, none is orphaned."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from assets.catalog import outcomes
from assets.catalog.completeness import Unfinished, count_unfinished
from assets.processing import batch_runner
from assets.processing.recipe import Recipe, read_recipe
from assets.retention.purge import Purge
from tests.integration.bucket import with_settings
from tests.integration.processing_runs import (
    assert_bucket_is_what_the_catalogue_says,
    end_of,
    start_run,
)

NOW = datetime.now(UTC)
A = read_recipe("standard")
B = Recipe.model_validate(
    {
        "name": "icons",
        "version": 1,
        "renditions": [
            {
                "name": "thumbnail",
                "steps": [{"do": "resize", "longest_side_px": 64}],
                "format": "WEBP",
            }
        ],
    }
)


@pytest.fixture
def overrides() -> dict[str, str]:
    return {"RUN_LINGER_SECONDS": "0.2"}


@pytest.fixture
def processed(platform, pictures):
    """A platform with pictures that recipe A has made the renditions of."""
    platform.produce([picture.body for picture in pictures])
    platform.land()
    platform.process(recipe=A)
    return platform


def recipes(platform) -> set:
    rows = platform.query("select distinct recipe_hash from image_catalog.image")
    return {recipe_hash for (recipe_hash,) in rows}


def waiting_to_be_deleted(platform) -> int:
    [(count,)] = platform.query("select count(*) from image_catalog.replaced_object")
    return count


def assert_made_by(platform, recipe: Recipe, images: int) -> None:
    assert recipes(platform) == {recipe.hash}
    assert platform.states() == {"processed": images}
    assert_bucket_is_what_the_catalogue_says(platform)
    assert len(platform.keys(platform.settings.processed_bucket)) == images * len(recipe.renditions)
    assert waiting_to_be_deleted(platform) == 0


def test_another_recipe_replaces_the_renditions(processed, pictures):
    assert processed.process(recipe=B).processed == len(pictures)
    assert_made_by(processed, B, len(pictures))
    for key in processed.keys(processed.settings.processed_bucket):
        body = processed.object_store.get(processed.settings.processed_bucket, key)
        with Image.open(io.BytesIO(body)) as picture:
            assert (picture.format, max(picture.size)) == ("WEBP", 64)


def test_the_same_recipe_once_more_does_nothing(processed):
    assert processed.process(recipe=A).images == 0


def test_what_waits_is_processed_together_with_what_is_outdated(processed, pictures):
    processed.drop("new.jpg", pictures[0].body)
    processed.register()
    assert processed.process(recipe=B).processed == len(pictures) + 1
    assert_made_by(processed, B, len(pictures) + 1)


def test_another_day_keeps_its_renditions(processed):
    assert processed.process(recipe=B, day=NOW.date() - timedelta(days=1)).images == 0
    assert recipes(processed) == {A.hash}


def test_a_recipe_that_comes_back_has_its_renditions_recreated(processed, pictures):
    processed.process(recipe=B)
    processed.process(recipe=A)
    assert_made_by(processed, A, len(pictures))


def kill_before_deleting(platform, monkeypatch) -> None:
    """A run by recipe B that ends between its last commit and the deletion of what it replaced."""
    delete = batch_runner.delete_replaced

    def delete_nothing_at_the_end(of_run):
        if recipes(platform) == {B.hash}:
            raise KeyboardInterrupt
        delete(of_run)

    with monkeypatch.context() as killed:
        killed.setattr(batch_runner, "delete_replaced", delete_nothing_at_the_end)
        with pytest.raises(KeyboardInterrupt):
            platform.process(recipe=B)
    assert waiting_to_be_deleted(platform) > 0


@pytest.mark.parametrize("next_recipe", [A, B])
def test_a_run_killed_before_it_deletes_leaves_that_to_the_next(
    processed, pictures, monkeypatch, next_recipe
):
    kill_before_deleting(processed, monkeypatch)
    processed.process(recipe=next_recipe)
    assert_made_by(processed, next_recipe, len(pictures))


def test_a_purge_deletes_what_a_killed_run_has_left(processed, pictures, monkeypatch):
    kill_before_deleting(processed, monkeypatch)
    Purge(processed).run(NOW)
    assert_made_by(processed, B, len(pictures))


def test_two_runs_process_a_day_again_together(processed, pictures, tmp_path):
    file = tmp_path / "icons.yaml"
    file.write_text(json.dumps(B.model_dump(mode="json")))
    narrow = {"image_recipe": str(file), "processing_workers": 1, "run_linger_seconds": 3}
    runs = [start_run(processed, f"run {number}", **narrow) for number in range(2)]
    ends = [end_of(run) for run in runs]
    assert sum(end["images"] for end in ends) == len(pictures)
    assert [end["lost"] for end in ends] == [0, 0]
    assert_made_by(processed, B, len(pictures))


def test_a_purge_beside_it_leaves_nothing(processed, pictures, monkeypatch):
    write = outcomes.write

    def purge_first(connection, *arguments):
        in_a_week = datetime.now(UTC) + timedelta(days=7)
        Purge(processed).run(in_a_week)
        return write(connection, *arguments)

    monkeypatch.setattr(outcomes, "write", purge_first)
    assert processed.process(recipe=B).lost == len(pictures)
    assert processed.states() == {}
    assert processed.keys(processed.settings.processed_bucket) == set()


def test_an_image_that_is_rejected_then_loses_its_renditions_and_keeps_its_bytes(
    processed, pictures
):
    choosy = with_settings(processed, image_processor="tests.unit.hostile_processors:choosy")
    choosy.process(recipe=B)
    assert processed.states() == {"corrupt": len(pictures)}
    assert processed.keys(processed.settings.processed_bucket) == set()
    assert len(processed.keys(processed.settings.quarantine_bucket)) == len(pictures)
    assert waiting_to_be_deleted(processed) == 0


def test_a_day_is_complete_when_todays_recipe_has_made_it(processed, pictures):
    def left(recipe: Recipe) -> Unfinished:
        with processed.warehouse.connect() as connection:
            return count_unfinished(connection, NOW.date(), recipe.hash)

    assert left(A) == Unfinished(on_day=0, days_known=1, days_complete=1)
    assert left(B) == Unfinished(on_day=len(pictures), days_known=1, days_complete=0)
    processed.drop("new.jpg", pictures[0].body)
    processed.register()
    assert left(A) == Unfinished(on_day=1, days_known=1, days_complete=0)
