"""While images arrive, those that delete take turns and rest; otherwise nobody waits."""

from dataclasses import dataclass, field

import pytest

from assets.retention.throttle import (
    THROTTLED_BATCH_SIZE,
    UNTHROTTLED_BATCH_SIZE,
    DeletionThrottle,
)


@dataclass
class World:
    """A clock that work and rests move on, and a ledger that images land in."""

    now: float = 0.0
    landed: int = 0
    rests: list[float] = field(default_factory=list)

    def throttle(self, share: float) -> DeletionThrottle:
        return DeletionThrottle(share, lambda: self.landed, lambda: self.now, self.rest)

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def delete(
        self, throttle: DeletionThrottle, keys: int, seconds: float = 2.0, arriving: int = 0
    ) -> list[int]:
        """Deletes keys; each batch takes some seconds, and images arrive meanwhile."""
        sizes = []
        for batch in throttle.batches(range(keys)):
            sizes.append(len(batch))
            self.now += seconds
            self.landed += arriving
        return sizes


@pytest.fixture
def world() -> World:
    return World()


def test_until_two_looks_have_seen_that_nothing_arrives_it_is_careful(world: World) -> None:
    sizes = world.delete(world.throttle(0.25), 5000)
    assert sizes[0] == THROTTLED_BATCH_SIZE
    assert set(sizes[1:-1]) == {UNTHROTTLED_BATCH_SIZE}
    assert len(world.rests) == 1


def test_while_images_arrive_portions_are_small_and_the_share_of_time_is_kept(world: World) -> None:
    sizes = world.delete(world.throttle(0.25), 1000, arriving=1)
    assert sizes == [THROTTLED_BATCH_SIZE] * 10
    assert world.rests == [pytest.approx(6)] * 10


def test_all_keys_are_given_once_and_in_their_order(world: World) -> None:
    throttle, given = world.throttle(0.5), []
    for number, batch in enumerate(throttle.batches(range(7321))):
        given += batch
        world.now += 3
        world.landed += number % 3 == 0
    assert given == list(range(7321))


def test_some_time_after_the_last_arrival_it_hurries_again(world: World) -> None:
    throttle = world.throttle(0.5)
    world.delete(throttle, 500, arriving=1)
    sizes = world.delete(throttle, 5000)
    assert sizes[0] == THROTTLED_BATCH_SIZE
    assert set(sizes[-3:-1]) == {UNTHROTTLED_BATCH_SIZE}


def test_a_short_pause_in_the_arrivals_does_not_end_the_care(world: World) -> None:
    throttle = world.throttle(0.5)
    world.delete(throttle, 500, arriving=1)
    world.now += 3
    assert world.delete(throttle, 100) == [THROTTLED_BATCH_SIZE]


def test_a_purge_that_is_late_rests_for_nobody(world: World) -> None:
    assert world.delete(world.throttle(1.0), 3000, arriving=100) == [UNTHROTTLED_BATCH_SIZE] * 3
    assert world.rests == []


def test_an_unthrottled_deletion_is_in_large_batches_from_the_start(world: World) -> None:
    assert world.delete(DeletionThrottle(), 3000) == [UNTHROTTLED_BATCH_SIZE] * 3


def test_the_ledger_is_not_asked_before_every_portion(world: World) -> None:
    asked = []

    def count() -> int:
        asked.append(world.now)
        return len(asked)

    throttle = DeletionThrottle(0.5, count, lambda: world.now, world.rest)
    world.delete(throttle, 2000, seconds=0.125)
    assert len(asked) == 5


def test_nothing_to_delete_is_no_portion(world: World) -> None:
    assert world.delete(world.throttle(0.5), 0) == []
