"""The migrations are one line of numbers, so that every warehouse gets the same tables."""

from itertools import pairwise
from pathlib import Path

from alembic.script import ScriptDirectory

from assets.resources.warehouse import NEWEST_MIGRATION
from infra.postgres import migrations

FOLDER = Path(migrations.__file__).parent


def test_each_migration_follows_the_one_with_the_number_before() -> None:
    numbers = sorted(path.name[:4] for path in FOLDER.glob("versions/*.py"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    newest_first = ScriptDirectory(FOLDER).walk_revisions()
    chain = [(one.down_revision, one.revision) for one in newest_first][::-1]
    assert chain == list(pairwise([None, *numbers]))
    assert numbers[-1] == NEWEST_MIGRATION


def test_each_migration_has_its_sql_beside_it() -> None:
    scripts, statements = (
        {path.stem for path in FOLDER.glob(f"versions/*.{kind}")} for kind in ("py", "sql")
    )
    assert scripts == statements
