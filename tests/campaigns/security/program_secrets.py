"""Whether a program that somebody takes over holds what opens more than its own doors."""

from collections.abc import Iterator

from tests.campaigns.security.attempt import Attempt, Target

_OF_OTHERS = {
    "upload_api": ("DATABASE_ADMIN_URL", "DAGSTER_DATABASE_URL", "DBT_ENV_SECRET_PASSWORD"),
}


def _read_environments(target: Target) -> Iterator[str]:
    for program in target.stack.programs:
        process = program.process()
        if process is None:
            raise AssertionError(f"{program.title} does not run")
        environment = process.environ()
        for name in _OF_OTHERS.get(program.name, ()):
            if target.env[name] in environment.values():
                yield f"the {program.title} holds {name}"


ATTEMPTS = (
    Attempt("find another program's secrets in a program's environment", _read_environments),
)
