"""A recipe says what is made, its hash names what was made, and a wrong one is refused plainly."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.processing.recipe import (
    SHIPPED,
    Recipe,
    RecipeError,
    RenditionSpec,
    Resize,
    read_recipe,
)
from assets.yaml_files import YamlError, read_yaml

HASHES = {
    ("proof", 1): "8d1dc54b63c6",
    ("shop", 1): "3ee79fee8894",
    ("standard", 1): "b3c4eae3b325",
}
STANDARD = read_recipe("standard")
WORDS = read_yaml(SHIPPED / "standard.yaml")

names = st.from_regex(r"[a-z][a-z0-9_-]{0,7}", fullmatch=True)
specs = st.builds(
    RenditionSpec,
    name=names,
    steps=st.builds(Resize, longest_side_px=st.integers(1, 4096)).map(lambda step: (step,)),
    quality=st.integers(1, 95),
)
recipes = st.builds(
    Recipe,
    name=names,
    version=st.integers(1, 9),
    renditions=st.lists(specs, min_size=1, max_size=4, unique_by=lambda one: one.name).map(tuple),
)


@pytest.mark.parametrize("path", sorted(SHIPPED.iterdir()), ids=lambda path: path.stem)
def test_a_changed_shipped_recipe_has_a_new_version(path: Path) -> None:
    recipe = read_recipe(path.stem)
    assert HASHES.get((recipe.name, recipe.version)) == recipe.hash
    assert recipe.name == path.stem


def test_the_standard_recipe_makes_1024_and_256_pixels_largest_first() -> None:
    assert [one.name for one in STANDARD.renditions] == ["medium", "thumbnail"]
    assert [one.steps for one in STANDARD.renditions] == [
        (Resize(longest_side_px=1024),),
        (Resize(longest_side_px=256),),
    ]


def changed(**fields: object) -> Recipe:
    return Recipe.model_validate(WORDS | fields)


MEDIUM, THUMBNAIL = WORDS["renditions"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "other"},
        {"version": 2},
        {"renditions": [MEDIUM]},
        {"renditions": [THUMBNAIL, MEDIUM]},
        {"renditions": [MEDIUM | {"quality": 84}, THUMBNAIL]},
        {"renditions": [MEDIUM | {"format": "WEBP"}, THUMBNAIL]},
        {"renditions": [MEDIUM | {"name": "large"}, THUMBNAIL]},
        {"renditions": [MEDIUM | {"steps": [{"do": "grey"}]}, THUMBNAIL]},
        {"renditions": [MEDIUM | {"steps": [*MEDIUM["steps"], {"do": "grey"}]}, THUMBNAIL]},
    ],
)
def test_the_hash_changes_with_whatever_changes_a_rendition(fields: dict[str, object]) -> None:
    assert changed(**fields).hash != STANDARD.hash


def test_the_hash_stays_when_only_the_description_changes() -> None:
    assert changed(description="Other words.").hash == STANDARD.hash


@given(recipes, recipes)
def test_two_recipes_have_one_hash_exactly_if_they_are_equal(one: Recipe, other: Recipe) -> None:
    assert (one.hash == other.hash) == (one == other)


@given(recipes)
def test_a_hash_is_twelve_hexadecimal_digits(recipe: Recipe) -> None:
    assert len(recipe.hash) == 12
    assert set(recipe.hash) <= set("0123456789abcdef")


@given(recipes)
def test_as_much_is_needed_of_the_original_as_the_largest_rendition_has(recipe: Recipe) -> None:
    sides = sorted(one.steps[0].longest_side_px for one in recipe.renditions)
    assert recipe.needed_px == sides[-1]


@pytest.mark.parametrize("steps", [[], [{"do": "grey"}, {"do": "resize", "longest_side_px": 9}]])
def test_the_whole_original_is_needed_where_a_rendition_does_not_begin_smaller(
    steps: list[dict[str, object]],
) -> None:
    assert changed(renditions=[MEDIUM, THUMBNAIL | {"steps": steps}]).needed_px is None


def test_people_read_name_and_version() -> None:
    assert STANDARD.title == "standard v1"


def test_a_recipe_that_was_read_is_not_changed_by_anybody() -> None:
    with pytest.raises(ValidationError):
        STANDARD.version = 2


@pytest.mark.parametrize("name", ["own.yaml", "own.yml"])
def test_a_companys_own_recipe_is_read_by_the_path_of_its_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("name: own\nversion: 3\nrenditions: [{name: same}]\n")
    assert read_recipe(str(file)).title == "own v3"


STEPS = "name: a\nversion: 1\nrenditions: [{name: b, steps: [%s]}]"
WRONG = {
    "an unknown step": (
        STEPS % "{do: sharpn}",
        "renditions.0.steps.0 has no step sharpn; there are 'resize', 'crop'",
    ),
    "a step without a name": (STEPS % "{radius_px: 2}", "steps.0 does not say what to do; write"),
    "a step that is a word": (STEPS % "grey", "renditions.0.steps.0 is not a mapping of names"),
    "a step that lacks a field": (STEPS % "{do: resize}", "resize.longest_side_px is missing"),
    "a step with a field too many": (STEPS % "{do: grey, much: 1}", "grey.much is unknown"),
    "a size of nothing": (
        STEPS % "{do: resize, longest_side_px: 0}",
        "longest_side_px is 0, and should be greater than or equal to 1",
    ),
    "a size beyond all bounds": (
        STEPS % "{do: resize, longest_side_px: 99999}",
        "longest_side_px is 99999, and should be less than or equal to 8192",
    ),
    "an odd turn": (STEPS % "{do: rotate, degrees: 45}", "degrees is 45, and should be 90, 180 or"),
    "a colour that is none": (
        STEPS % "{do: watermark, text: A, colour: white}",
        "watermark.colour is 'white', and string should match pattern",
    ),
    "an unknown format": (
        "name: a\nversion: 1\nrenditions: [{name: b, format: GIF}]",
        "format is 'GIF', and should be 'jpeg', 'png' or 'webp'",
    ),
    "a quality that JPEG does not have": (
        "name: a\nversion: 1\nrenditions: [{name: b, quality: 101}]",
        "quality is 101, and should be less than or equal to 95",
    ),
    "no version": ("name: a\nrenditions: [{name: b}]", "invalid: version is missing."),
    "a version of nothing": ("name: a\nversion: 0\nrenditions: [{name: b}]", "version is 0, and"),
    "a name that is no file name": ("name: ../a\nversion: 1\nrenditions: [{name: b}]", "name is"),
    "no rendition": ("name: a\nversion: 1\nrenditions: []", "renditions is [], and tuple should"),
    "a rendition twice": (
        "name: a\nversion: 1\nrenditions: [{name: b}, {name: c}, {name: b}]",
        "the file: rendition b is listed twice.",
    ),
    "a list": ("- name: a\n", "the file is not a mapping of names to values."),
    "nothing": ("", "the file is not a mapping of names to values."),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_recipe_is_told_in_one_sentence(
    text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(RecipeError) as wrong:
        read_recipe(str(file))
    sentence = str(wrong.value)
    assert told in sentence
    assert sentence.startswith(f"The recipe {file} is ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


NO_YAML = {
    "a key twice": ("name: a\nversion: 1\nname: b\n", 'line 3: found duplicate key "name".'),
    "no YAML": ("name: a\nversion: [1\nrenditions: 2\n", "line 3: "),
    "a tag of another program": ("!!python/object:os.system {}", "line 1: could not"),
}


@pytest.mark.parametrize(("text", "told"), NO_YAML.values(), ids=NO_YAML.keys())
def test_a_recipe_that_is_not_valid_yaml_is_refused_in_one_sentence(
    text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(YamlError) as wrong:
        read_recipe(str(file))
    sentence = str(wrong.value)
    assert sentence.startswith(f"wrong.yaml, {told}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_of_a_recipe_that_is_not_there_the_ones_that_are_are_named() -> None:
    with pytest.raises(RecipeError, match=r"strandard: IMAGE_RECIPE is one of proof, shop, st"):
        read_recipe("strandard")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"There is no recipe .*/none\.yaml: "):
        read_recipe(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"name: \xe4\n"])
def test_a_file_that_is_no_text_cannot_be_read(body: bytes, tmp_path: Path) -> None:
    file = tmp_path / "binary.yaml"
    file.write_bytes(body)
    with pytest.raises(RecipeError, match=r"cannot be read: .*utf-8"):
        read_recipe(str(file))


def test_a_folder_cannot_be_read_as_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(RecipeError, match=r"cannot be read: .*directory"):
        read_recipe(str(tmp_path / "folder.yaml"))
