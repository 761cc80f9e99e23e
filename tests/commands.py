"""The `darkroom` command run within a test's process."""

from collections.abc import Mapping

from typer.testing import CliRunner, Result

from cli.main import app


def darkroom(
    *arguments: object, env: Mapping[str, str] | None = None, answer: str | None = None
) -> Result:
    """Runs the command with an environment, and with an answer to its question."""
    words = [str(one) for one in arguments]
    return CliRunner().invoke(app, words, env=env, input=answer)
