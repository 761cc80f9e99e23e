"""While images arrive, those that delete take turns and rest; otherwise nobody waits."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from assets.retention.pace import LARGE_PORTION, SMALL_PORTION, Pace


@dataclass
class World:
    """A clock that work and rests move on, and a ledger that images land in."""

    now: float = 0.0
    landed: int = 0
    rests: list[float] = field(default_factory=list)

    def pace(self, share: float) -> Pace:
        return Pace(share, lambda: self.landed, lambda: self.now, self.rest)

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def delete(self, pace: Pace, keys: int, seconds: float = 2.0, arriving: int = 0) -> list[int]:
        """Deletes so many keys; each portion takes so long, and so many images arrive meanwhile."""
        sizes = []
        for portion in pace.portions(range(keys)):
            sizes.append(len(portion))
            self.now += seconds
            self.landed += arriving
        return sizes


@pytest.fixture
def world() -> World:
    return World()


def test_until_two_looks_have_seen_that_nothing_arrives_it_is_careful(world: World) -> None:
    sizes = world.delete(world.pace(0.25), 5000)
    assert sizes[0] == SMALL_PORTION
    assert set(sizes[1:-1]) == {LARGE_PORTION}
    assert len(world.rests) == 1


def test_while_images_arrive_portions_are_small_and_the_share_of_time_is_kept(world: World) -> None:
    sizes = world.delete(world.pace(0.25), 1000, arriving=1)
    assert sizes == [SMALL_PORTION] * 10
    assert world.rests == [pytest.approx(6)] * 10


def test_all_keys_are_given_once_and_in_their_order(world: World) -> None:
    pace, given = world.pace(0.5), []
    for number, portion in enumerate(pace.portions(range(7321))):
        given += portion
        world.now += 3
        world.landed += number % 3 == 0
    assert given == list(range(7321))


def test_some_time_after_the_last_arrival_it_hurries_again(world: World) -> None:
    pace = world.pace(0.5)
    world.delete(pace, 500, arriving=1)
    sizes = world.delete(pace, 5000)
    assert sizes[0] == SMALL_PORTION
    assert set(sizes[-3:-1]) == {LARGE_PORTION}


def test_a_short_pause_in_the_arrivals_does_not_end_the_care(world: World) -> None:
    pace = world.pace(0.5)
    world.delete(pace, 500, arriving=1)
    world.now += 3
    assert world.delete(pace, 100) == [SMALL_PORTION]


def test_a_purge_that_is_late_rests_for_nobody(world: World) -> None:
    assert world.delete(world.pace(1.0), 3000, arriving=100) == [LARGE_PORTION] * 3
    assert world.rests == []


def test_the_ledger_is_not_asked_before_every_portion(world: World) -> None:
    asked = []

    def count() -> int:
        asked.append(world.now)
        return len(asked)

    pace = Pace(0.5, count, lambda: world.now, world.rest)
    world.delete(pace, 2000, seconds=0.125)
    assert len(asked) == 5


def test_nothing_to_delete_is_no_portion(world: World) -> None:
    assert world.delete(world.pace(0.5), 0) == []
