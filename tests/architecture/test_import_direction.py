"""Which modules may use Dagster, the clock and the environment; pyproject has import contracts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROGRAMS = ("assets", "orchestration", "services", "cli", "infra")
WITH_DAGSTER = {
    "assets/asset_keys.py",
    "assets/registry.py",
    "assets/analytics/dbt.py",
    "assets/retention/run_records.py",
    "assets/retention/topic_check.py",
}
WITH_DAGSTER_NAMES = {"assets.py", "checks.py"}
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
CLOCK_READER = "assets/timing.py"
ENVIRONMENT = {"os.environ", "os.getenv", "os.putenv"}


def modules(*packages: str) -> list[str]:
    found = (path for room in packages for path in (PROJECT / room).rglob("*.py"))
    return sorted(path.relative_to(PROJECT).as_posix() for path in found)


def tree(module: str) -> ast.Module:
    return ast.parse((PROJECT / module).read_text(), module)


def imports(module: str) -> Iterator[str]:
    """Every module that a module imports, wherever in its text it does."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield node.module or ""


def dotted(node: ast.AST) -> str:
    """The dotted name of an attribute, such as `os.environ`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def names_used(module: str) -> set[str]:
    """Dotted names as they are written, each with its last two parts."""
    used = (dotted(node) for node in ast.walk(tree(module)) if isinstance(node, ast.Attribute))
    return {".".join(name.split(".")[-2:]) for name in used}


def is_pure(module: str) -> bool:
    return module not in WITH_DAGSTER and Path(module).name not in WITH_DAGSTER_NAMES


def test_there_are_modules_to_look_at() -> None:
    assert len(modules("assets", "orchestration", "infra")) > 40


@pytest.mark.parametrize("module", [module for module in modules("assets") if is_pure(module)])
def test_a_pure_module_does_not_import_dagster(module: str) -> None:
    libraries = {name.split(".")[0] for name in imports(module)}
    assert libraries & {"dagster", "dagster_dbt", "dagster_aws", "dagster_postgres"} == set()


@pytest.mark.parametrize("module", [module for module in modules("assets") if is_pure(module)])
def test_a_pure_module_does_not_import_dagster_by_way_of_another(module: str) -> None:
    seen, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for imported in imports(name):
            parts = imported.split(".")
            candidates = (f"{'/'.join(parts)}.py", f"{'/'.join(parts)}/__init__.py")
            waiting += [path for path in candidates if (PROJECT / path).is_file()]
    assert [name for name in seen if not is_pure(name)] == []


@pytest.mark.parametrize("package", PROGRAMS)
def test_a_packages_own_file_is_a_docstring_only(package: str) -> None:
    assert [type(node) for node in tree(f"{package}/__init__.py").body] == [ast.Expr]


@pytest.mark.parametrize(
    "module",
    [one for one in modules("assets", "orchestration", "services") if one != CLOCK_READER],
)
def test_a_module_is_given_the_time(module: str) -> None:
    assert names_used(module) & CLOCKS == set()


@pytest.mark.parametrize("module", modules("assets", "orchestration", "services"))
def test_a_module_leaves_the_environment_to_the_settings(module: str) -> None:
    assert names_used(module) & ENVIRONMENT == set()


def test_the_libraries_of_the_platform_need_no_test_library() -> None:
    used = {name.split(".")[0] for module in modules(*PROGRAMS) for name in imports(module)}
    assert used & {"pytest", "hypothesis", "unittest"} == set()
