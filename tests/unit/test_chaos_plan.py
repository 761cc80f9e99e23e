"""The plan of a campaign: random, the same for the same seed, and nobody is spared."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tests.campaigns.chaos.faults import TARGETS, FaultKind, faults, moments

ROUND = 1 + sum(map(len, TARGETS.values()))


@given(seed=st.integers(), count=st.integers(1, 200), seconds=st.floats(1, 10_000))
def test_moments_are_as_many_as_asked_for_in_order_and_within_the_time(seed, count, seconds):
    drawn = moments(count, seconds, seed)
    assert len(drawn) == count
    assert list(drawn) == sorted(drawn)
    assert all(0 < moment < seconds for moment in drawn)


@given(seed=st.integers())
def test_the_same_seed_gives_the_same_campaign(seed):
    assert moments(9, 60, seed) == moments(9, 60, seed)
    assert list(islice(faults(seed), 40)) == list(islice(faults(seed), 40))


def test_another_seed_gives_another_campaign():
    assert moments(9, 60, 1) != moments(9, 60, 2)
    assert list(islice(faults(1), 9)) != list(islice(faults(2), 9))


@given(seed=st.integers())
def test_one_round_has_every_fault(seed):
    drawn = list(islice(faults(seed), ROUND))
    for kind, targets in TARGETS.items():
        assert {fault.target for fault in drawn if fault.kind is kind} == set(targets)


@given(seed=st.integers())
def test_kills_deletions_and_erasures_take_no_time_and_other_faults_a_few_seconds(seed):
    for fault in islice(faults(seed), ROUND):
        lasts = fault.kind not in {FaultKind.KILL, FaultKind.DELETE, FaultKind.ERASE}
        assert 2 <= fault.seconds <= 8 if lasts else fault.seconds == 0
