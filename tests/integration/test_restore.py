"""The drill: a dump from before a purge is restored, and the receipts delete again what was due."""

import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.catalog.checks import balance
from assets.resources.warehouse import Warehouse
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection
from assets.retention.receipts import Copy
from assets.retention.restore import BrokenArchiveError, Restore
from infra.local.postgres import program
from infra.object_store.buckets import create_bucket
from tests.integration.retention_helpers import fill, problems, purge, receipts


@pytest.fixture
def restored(stack, platform, tmp_path: Path) -> Iterator:
    """Takes a dump when called; called again it restores it, and gives the platform over it."""
    name, dump = f"restored_{uuid.uuid4().hex[:12]}", tmp_path / "dump"
    server = stack.superuser_conninfo()
    database = conninfo_to_dict(platform.warehouse.conninfo)["dbname"]

    def dump_or_restore():
        if not dump.exists():
            whole = make_conninfo(server, dbname=database)
            run("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={whole}")
            return None
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        run("pg_restore", f"--dbname={make_conninfo(server, dbname=name)}", str(dump))
        conninfo = make_conninfo(platform.warehouse.conninfo, dbname=name)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                sql.SQL("grant connect, temporary on database {} to darkroom_loader").format(
                    sql.Identifier(name)
                )
            )
        return replace(platform, warehouse=Warehouse(conninfo))

    yield dump_or_restore
    with psycopg.connect(server, autocommit=True) as connection:
        drop = "drop database if exists {} with (force)"
        connection.execute(sql.SQL(drop).format(sql.Identifier(name)))


def run(name: str, *arguments: str) -> None:
    done = subprocess.run([program(name), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def reapply(platform):
    return Restore(platform).reapply()


def erase(platform, chosen: ErasureSelection) -> None:
    erasure = Erasure(platform)
    erasure.run(erasure.request(chosen), datetime.now(UTC))


def test_nothing_expired_is_left_in_a_restored_database(platform, pictures, restored):
    images = fill(platform, pictures)
    restored()
    purge(platform, datetime.now(UTC) + platform.settings.purge_age + timedelta(seconds=1))
    again = restored()
    assert sum(again.states().values()) == images
    _, gone = reapply(again)
    assert gone.items(Copy.LEDGER_ROW) == images
    assert again.states() == {}
    assert again.query("select count(*) from image_catalog.rendition") == [(0,)]


def test_nothing_erased_comes_back_with_a_restored_database(platform, pictures, restored):
    fill(platform, pictures)
    restored()
    erase(platform, ErasureSelection(source="bucket"))
    again = restored()
    reapply(again)
    assert again.query("select distinct source from image_catalog.image") == [("kafka",)]
    assert again.states() == platform.states()


def test_an_erased_image_stays_unknown_after_a_restore(platform, pictures, restored):
    fill(platform, pictures)
    restored()
    erase(platform, ErasureSelection(source="bucket"))
    again = restored()
    reapply(again)
    assert again.query("select count(*) from image_catalog.erased_image") == [(2,)]


def test_an_image_that_arrived_and_was_erased_after_the_dump_is_not_landed_again(
    platform, pictures, restored
):
    platform.land()
    restored()
    platform.produce([picture.body for picture in pictures])
    platform.land()
    [(image, _)] = platform.query("select image_id, origin from image_catalog.image limit 1")
    erase(platform, ErasureSelection(images=(image,)))
    again = restored()
    reapply(again)
    assert again.land().new_images == len(pictures) - 1
    assert again.query("select image_id from image_catalog.erased_image") == [(image,)]
    purge(again, datetime.now(UTC) + platform.settings.retention)
    assert again.query("select count(*) from image_catalog.restored_erasure") == [(0,)]


def test_a_restored_database_has_all_receipts_back_and_its_counts_balance(
    platform, pictures, restored
):
    fill(platform, pictures)
    restored()
    erase(platform, ErasureSelection(source="bucket"))
    purge(platform, datetime.now(UTC) + platform.settings.purge_age + timedelta(seconds=1))
    again = restored()
    reapply(again)
    assert receipts(again) == receipts(platform)
    assert problems(again) == []
    with again.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()


def test_reapplying_twice_changes_nothing(platform, pictures, restored):
    fill(platform, pictures)
    restored()
    erase(platform, ErasureSelection(source="bucket"))
    again = restored()
    reapply(again)
    receipts, gone = reapply(again)
    assert (receipts, gone.items()) == (0, 0)


def test_an_archive_with_a_hole_is_refused_and_nothing_is_changed(platform, pictures, restored):
    fill(platform, pictures)
    restored()
    erase(platform, ErasureSelection(source="bucket"))
    erase(platform, ErasureSelection(source="kafka"))
    bucket = platform.settings.receipts_bucket
    incomplete = f"incomplete-{uuid.uuid4().hex[:12]}"
    create_bucket(platform.object_store.s3, incomplete)
    for key in sorted(platform.keys(bucket))[1:]:
        platform.object_store.copy((bucket, key, None), (incomplete, key))
    again = restored()
    settings = again.settings.model_copy(update={"receipts_bucket": incomplete})
    again = replace(again, settings=settings)
    before = again.states()
    with pytest.raises(BrokenArchiveError, match="Receipt 1 is missing"):
        reapply(again)
    assert again.states() == before


def test_a_receipt_that_was_deleted_or_overwritten_in_the_archive_is_read_all_the_same(
    platform, pictures, restored
):
    fill(platform, pictures)
    restored()
    erase(platform, ErasureSelection(source="bucket"))
    erase(platform, ErasureSelection(source="kafka"))
    bucket = platform.settings.receipts_bucket
    first, second, _ = sorted(platform.keys(bucket))
    platform.object_store.delete(bucket, [(first, None)])
    platform.object_store.put(bucket, second, b"{}", "application/json")
    again = restored()
    reapply(again)
    assert receipts(again) == receipts(platform)
