"""The parts of the benchmarks that need no server."""

import hashlib
import io

import pytest
from PIL import Image

from benchmarks.load import Sample, Step, growth, raise_rate
from benchmarks.rounds import measure_variants, medians
from infra.source_clients import make_unique


def samples(unfinished: list[int]) -> list[Sample]:
    return [
        Sample(seconds=float(second), sent=100 + waiting, known=100, finished=100)
        for second, waiting in enumerate(unfinished)
    ]


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 48), 30).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def test_a_picture_made_unique_has_the_same_pixels_and_another_digest():
    original = jpeg()
    first, second = make_unique(original, b"first"), make_unique(original, b"second")
    assert len({hashlib.sha256(body).digest() for body in (original, first, second)}) == 3
    pixels = [Image.open(io.BytesIO(body)).tobytes() for body in (original, first, second)]
    assert pixels[0] == pixels[1] == pixels[2]


def test_the_backlog_grows_by_the_difference_of_arrivals_and_departures():
    assert growth(samples([3 * second for second in range(60)])) == pytest.approx(3)


def test_samples_of_the_settling_time_do_not_count():
    assert growth(samples([5 * second for second in range(20)] + [100] * 40)) == pytest.approx(0)


@pytest.mark.parametrize(
    ("step", "is_sustained"),
    [
        (Step(rate=10, growth=1.0, visible_p95=29.9), True),
        (Step(rate=10, growth=-3.0, visible_p95=5.0), True),
        (Step(rate=10, growth=1.1, visible_p95=5.0), False),
        (Step(rate=10, growth=0.0, visible_p95=30.0), False),
    ],
)
def test_a_rate_is_sustained_when_the_backlog_is_stable_and_images_are_visible_in_time(
    step, is_sustained
):
    assert step.is_sustained is is_sustained


def test_no_rate_is_tried_after_one_that_is_not_sustained():
    def try_rate(rate: float) -> Step:
        return Step(rate, growth=0.0, visible_p95=2 * rate)

    assert [step.rate for step in raise_rate([8, 14, 15, 20], try_rate)] == [8, 14, 15]


def test_each_turn_begins_with_another_variant_and_returns_all_in_the_same_order():
    begun: list[str] = []

    def variant(name: str):
        def measure() -> float:
            begun.append(name)
            return float(len(name))

        return measure

    variants = {name: variant(name) for name in ("a", "bb", "ccc")}
    rounds = [measure_variants(variants, turn) for turn in range(3)]
    assert begun == ["a", "bb", "ccc", "bb", "ccc", "a", "ccc", "a", "bb"]
    assert [list(rates) for rates in rounds] == [["a", "bb", "ccc"]] * 3
    assert medians(rounds) == {"a": 1.0, "bb": 2.0, "ccc": 3.0}
