"""Servers that stand still for some seconds while messages land."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer

import psutil
import pytest

from assets.errors import ServerUnavailableError
from infra.local.server import Server
from tests.integration.topic import bodies_landed, fill, images, next_offsets

PAUSE_SECONDS = 5.0


@contextmanager
def standing_still(server: Server) -> Iterator[Timer]:
    """Stops a server and its children with SIGSTOP; they continue after a while."""
    main = server.process()
    processes = [main, *main.children(recursive=True)]

    def resume() -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    continues = Timer(PAUSE_SECONDS, resume)
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a worker of PostgreSQL that has just ended
            process.suspend()
    continues.start()
    try:
        yield continues
    finally:
        continues.join()


@pytest.mark.parametrize("name", ["postgres", "object_store", "kafka"])
def test_messages_land_once_though_a_server_stands_still_meanwhile(stack, platform, name):
    fill(platform, 0, images(3, "before"))
    assert platform.land().new_images == 3
    fill(platform, 0, images(5, "meanwhile"))
    [server] = [one for one in stack.servers if one.name == name]
    with standing_still(server) as continues:
        assert continues.is_alive()
        try:
            platform.land()
        except ServerUnavailableError:
            continues.join()
    platform.land()
    assert bodies_landed(platform) == {*images(3, "before"), *images(5, "meanwhile")}
    assert platform.states() == {"waiting": 8}
    assert next_offsets(platform)[0] == 8
