"""What a picture looks like, in numbers that are known beforehand."""

from itertools import combinations

import pytest
from PIL import Image, ImageFilter

from assets.processing.describe import SMALL_PX, VisualFacts, measure_visuals
from assets.processing.steps import shrink
from tests.unit.pictures import encoded, photograph, processed

SIZE = (64, 64)
HALF_GREY = 128 / 255
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "ihc.png", "retina.jpg", "rocket.jpg")
PHOTOGRAPHS = {name: photograph(900, 600, name) for name in NAMES}


def plain(colour: str | tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", SIZE, colour)


def stripes(colours: dict[str, int]) -> Image.Image:
    """Stripes of these colours, with their widths in pixels."""
    image, left = Image.new("RGB", (sum(colours.values()), 64)), 0
    for colour, width in colours.items():
        image.paste(colour, (left, 0, left + width, 64))
        left += width
    return image


def chequer(cell_px: int) -> Image.Image:
    image = Image.new("1", SIZE)
    image.putdata([(at % 64 // cell_px + at // 64 // cell_px) % 2 for at in range(64 * 64)])
    return image.convert("RGB")


@pytest.mark.parametrize(
    ("colour", "brightness"),
    [("black", 0), ("white", 1), ((128, 128, 128), HALF_GREY), ("lime", 150 / 255)],
)
def test_a_plain_area_has_its_brightness_and_nothing_else(
    colour: str | tuple[int, int, int], brightness: float
) -> None:
    looks = measure_visuals(plain(colour))
    assert looks.brightness == pytest.approx(brightness, abs=0.002)
    assert (looks.contrast, looks.sharpness) == (0, 0)


@pytest.mark.parametrize("picture", [stripes({"black": 32, "white": 32}), chequer(8), chequer(1)])
def test_half_black_and_half_white_is_the_greatest_contrast(picture: Image.Image) -> None:
    looks = measure_visuals(picture)
    assert looks.brightness == pytest.approx(0.5)
    assert looks.contrast == pytest.approx(0.5)


def test_a_chequer_of_single_pixels_has_the_greatest_sharpness() -> None:
    assert measure_visuals(chequer(1)).sharpness == pytest.approx(16)


def test_finer_cells_are_sharper() -> None:
    found = [measure_visuals(chequer(cell_px)).sharpness for cell_px in (32, 16, 8, 4, 2, 1)]
    assert found == sorted(found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 200), (3, 3)])
def test_pictures_too_small_for_an_edge_are_described(size: tuple[int, int]) -> None:
    looks = measure_visuals(Image.new("RGB", size, "#102030"))
    assert (looks.sharpness, looks.dominant_colours) == (0, ("#102030",))


@pytest.mark.parametrize("name", NAMES)
def test_the_more_a_photograph_is_blurred_the_less_sharp_it_is(name: str) -> None:
    small = shrink(PHOTOGRAPHS[name], SMALL_PX)
    blurred = [small.filter(ImageFilter.GaussianBlur(px)) for px in (0.7, 1.5, 3, 6)]
    found = [measure_visuals(picture).sharpness for picture in (small, *blurred)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 4 * found[2] > 0


@pytest.mark.parametrize(
    ("colours", "told"),
    [
        ({"#c83214": 64}, ("#c83214",)),
        ({"#c83214": 48, "#0a1450": 16}, ("#c83214", "#0a1450")),
        ({"#0a1450": 16, "#c83214": 48}, ("#c83214", "#0a1450")),
        (
            {"red": 22, "lime": 17, "blue": 12, "white": 8, "black": 5},
            ("#ff0000", "#00ff00", "#0000ff", "#ffffff", "#000000"),
        ),
    ],
)
def test_the_dominant_colours_are_those_that_are_there_most_frequent_first(
    colours: dict[str, int], told: tuple[str, ...]
) -> None:
    assert measure_visuals(stripes(colours)).dominant_colours == told


@pytest.mark.parametrize("name", NAMES)
def test_of_a_photographs_many_colours_five_are_told(name: str) -> None:
    colours = measure_visuals(shrink(PHOTOGRAPHS[name], SMALL_PX)).dominant_colours
    assert len(set(colours)) == 5


def test_facts_of_a_large_picture_are_those_of_its_small_copy() -> None:
    facts = processed(encoded(PHOTOGRAPHS["coffee.png"], "PNG")).facts
    looks = measure_visuals(shrink(PHOTOGRAPHS["coffee.png"], SMALL_PX))
    found = VisualFacts(
        facts.brightness,
        facts.contrast,
        facts.sharpness,
        facts.dominant_colours,
        facts.perceptual_hash,
    )
    assert found == looks


def bits_apart(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def perceptual_hash(body: bytes) -> int:
    found = processed(body).facts.perceptual_hash
    assert found is not None
    return found


def changed_a_little(picture: Image.Image) -> list[bytes]:
    """The picture as it comes back from friends: saved again, made smaller, made larger."""
    width, height = picture.size
    resized = [picture.resize((int(width * by), int(height * by))) for by in (0.5, 0.75, 1.5)]
    return [
        *(encoded(picture, "JPEG", quality=quality) for quality in (90, 60, 30)),
        *(encoded(one, "JPEG", quality=85) for one in resized),
        encoded(picture, "WEBP", quality=75),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_picture_resized_or_recompressed_has_nearly_the_same_hash(name: str) -> None:
    """Measured over 20 photographs: 156 of 160 copies within 3 bits, none beyond 4."""
    original = perceptual_hash(encoded(PHOTOGRAPHS[name], "PNG", compress_level=1))
    copies = [perceptual_hash(body) for body in changed_a_little(PHOTOGRAPHS[name])]
    apart = [bits_apart(original, copy) for copy in copies]
    assert max(apart) <= 4, apart
    assert sum(apart) / len(apart) <= 2, apart


def test_different_pictures_have_hashes_far_apart() -> None:
    """Measured over 20 photographs: 20 bits or more."""
    hashes = [perceptual_hash(encoded(picture, "JPEG")) for picture in PHOTOGRAPHS.values()]
    assert min(bits_apart(one, other) for one, other in combinations(hashes, 2)) > 10


def test_a_hash_fits_a_signed_integer_of_64_bits() -> None:
    hashes = [perceptual_hash(encoded(picture, "JPEG")) for picture in PHOTOGRAPHS.values()]
    assert all(-(2**63) <= one < 2**63 for one in hashes)


@pytest.mark.parametrize("colour", ["black", "white", "#c83214"])
def test_a_plain_area_has_no_hash_for_it_looks_like_every_other(colour: str) -> None:
    assert measure_visuals(plain(colour)).perceptual_hash is None
