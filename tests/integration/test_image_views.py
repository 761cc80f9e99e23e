"""What analysts see of images: formats, times, repetitions, and not whose they are."""

import io
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from PIL import Image

from assets.yaml_files import read_yaml
from infra.local import dbt
from infra.local.warehouses import copy_of_warehouse
from tests.integration.visibility_helpers import expire, withdraw

MARTS = dbt.DBT_PROJECT / "models" / "marts" / "images"
VIEWS = {
    "view_image_daily_summary",
    "view_image_formats",
    "view_image_rejections",
    "view_image_processing_latency",
    "view_image_duplicates",
}
MANY = """
    insert into image_catalog.image (
        image_id, arrived_at, source, origin, object_key, size_bytes, state, finished_at,
        format, mode, width_px, height_px, contrast, sha256, perceptual_hash
    )
    select
        gen_random_uuid(), date_trunc('day', now(), 'UTC') - number * interval '4 seconds',
        'bucket', '', '', 1, 'processed', now(), 'JPEG', 'RGB', 1, 1, 0.2, sha256(int4send(number)),
        ('x' || substr(md5(number::text), 1, 16))::bit(64)::bigint
    from generate_series(1, 20000) as number
"""


@pytest.fixture(scope="module")
def views(stack, tmp_path_factory) -> Iterator[str]:
    """The name of an empty warehouse in which dbt has built the images' views."""
    with copy_of_warehouse(stack, "test_image_views") as env:
        models = ("--select", "staging.image_catalog", "marts.images")
        dbt.build(env, *models, outputs=tmp_path_factory.mktemp("dbt"))
        yield env["DBT_DBNAME"]


@pytest.fixture
def own_warehouse(stack, views) -> Iterator[dict[str, str]]:
    with copy_of_warehouse(stack, f"test_{uuid.uuid4().hex[:12]}", template=views) as env:
        yield env


@pytest.fixture
def built(own_warehouse) -> Iterator[psycopg.Connection]:
    """The administrator's connection to this test's warehouse."""
    with psycopg.connect(own_warehouse["DATABASE_OWNER_URL"], autocommit=True) as connection:
        yield connection


def format_of(body: bytes) -> str | None:
    with Image.open(io.BytesIO(body)) as picture:
        return picture.format


def saved_again(body: bytes) -> bytes:
    """Returns the same picture in other bytes, a little smaller."""
    with Image.open(io.BytesIO(body)) as picture:
        smaller = picture.convert("RGB").resize((picture.width * 9 // 10, picture.height * 9 // 10))
    file = io.BytesIO()
    smaller.save(file, "JPEG", quality=90)
    return file.getvalue()


def test_views_tell_formats_times_and_repetitions_as_they_happen(platform, built, pictures):
    first, other = pictures[0].body, pictures[1].body
    sent = [first, other, first, saved_again(first)]
    for seconds, body in zip((4, 3, 2, 1), sent, strict=True):
        platform.produce([body], sent_at=datetime.now(UTC) - timedelta(seconds=seconds))
    platform.land()
    platform.process()
    built.execute("set role darkroom_builder")
    formats = built.execute("select format, images from analytics.view_image_formats")
    assert dict(formats) == Counter(map(format_of, sent))
    hours = built.execute(
        "select sum(processed_images), max(median_decode_seconds) > 0, "
        "bool_and(p95_store_seconds >= median_store_seconds) "
        "from analytics.view_image_processing_latency"
    )
    assert hours.fetchall() == [(4, True, True)]
    rows = platform.query("select image_id from image_catalog.image order by arrived_at")
    ids = [image for (image,) in rows]
    found = built.execute(
        "select image_id, likeness, first_image_id, differing_bits <= 3 "
        "from analytics.view_image_duplicates"
    )
    assert set(found) == {
        (ids[2], "same bytes", ids[0], True),
        (ids[3], "looks the same", ids[0], True),
    }


@pytest.mark.parametrize(
    "hide",
    [lambda platform: expire(platform, datetime.now(UTC)), withdraw],
    ids=["expired", "withdrawn"],
)
def test_analysts_see_nothing_of_what_is_hidden_and_not_deleted_yet(
    platform, built, pictures, hide
):
    platform.produce([pictures[0].body, pictures[0].body, b"no image"])
    platform.land()
    platform.process()
    built.execute("set role darkroom_builder")
    seen = [f"analytics.{view}" for view in VIEWS] + ["staging.stg_image_catalog__renditions"]
    counts = [built.execute(f"select count(*) from {view}") for view in seen]
    assert all(rows.fetchone() != (0,) for rows in counts)
    hide(platform)
    counts = [built.execute(f"select count(*) from {view}") for view in seen]
    assert [rows.fetchone() for rows in counts] == [(0,)] * len(seen)


def test_an_image_is_compared_with_all_others_by_indexes(built):
    built.execute("select image_catalog.ensure_day((now() at time zone 'UTC')::date - 1)")
    built.execute(MANY)
    built.execute("analyze image_catalog.image")
    [(image,)] = built.execute("select image_id from image_catalog.image limit 1").fetchall()
    built.execute("set role darkroom_builder")
    rows = built.execute(
        "explain select * from analytics.view_image_duplicates where image_id = %s", [image]
    )
    plan = "\n".join(line for (line,) in rows)
    scans = re.findall(r"((?:\w+ )*Scan)[\w ]* on image_\d+", plan)
    assert set(scans) <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, plan
    assert len(scans) == 10, plan


def test_the_models_show_neither_names_nor_senders_nor_hashes_nor_cameras():
    documents = {path.stem: path for path in MARTS.glob("view_image_*.yml")}
    assert documents.keys() == VIEWS
    columns = {
        column["name"]
        for path in documents.values()
        for column in read_yaml(path)["models"][0]["columns"]
    }
    telling = re.compile("sha256|hash|origin|key|file|name|uploader|camera|captured|colour")
    assert [name for name in columns if telling.search(name)] == []
