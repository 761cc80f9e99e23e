"""The steps of a recipe, each from an RGB picture to an RGB picture."""

from collections.abc import Sequence
from typing import assert_never

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from assets.processing import recipe

REDUCING_GAP = 1.5
"""Pillow shrinks by whole numbers to at least this multiple of a size before it resamples."""

_QUARTERS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_OPAQUE = 255
_CASCADE = 2


class Sizes:
    """A picture in the requested sizes, each of which is made once.

    A small one is made from the next that is at least twice as large: it looks the same as one made
    from the whole picture and takes a fraction of the time.
    """

    def __init__(self, picture: Image.Image) -> None:
        self.whole = picture
        self._made = {max(picture.size): picture}

    def at_most(self, longest_side_px: int) -> Image.Image:
        """Returns the picture with its longest side at most that long."""
        whole_px = max(self.whole.size)
        if longest_side_px >= whole_px:
            return self.whole
        if longest_side_px not in self._made:
            large_enough = [side for side in self._made if side >= _CASCADE * longest_side_px]
            source = self._made[min(large_enough, default=whole_px)]
            self._made[longest_side_px] = _resized(source, fitted(self.whole.size, longest_side_px))
        return self._made[longest_side_px]


def render(sizes: Sizes, steps: Sequence[recipe.Step]) -> Image.Image:
    """Returns the picture after the steps; `sizes` does the first of them if it is a resize."""
    if steps and isinstance(steps[0], recipe.Resize):
        return apply_steps(sizes.at_most(steps[0].longest_side_px), steps[1:])
    return apply_steps(sizes.whole, steps)


def apply_steps(picture: Image.Image, steps: Sequence[recipe.Step]) -> Image.Image:
    """Returns the picture after the steps; the one passed in does not change."""
    for step in steps:
        picture = apply_step(step, picture)
    return picture


def apply_step(step: recipe.Step, picture: Image.Image) -> Image.Image:
    """Returns the picture after one step."""
    match step:
        case recipe.Resize():
            return shrink(picture, step.longest_side_px)
        case recipe.Crop():
            return _crop(step, picture)
        case recipe.Rotate():
            return picture.transpose(_QUARTERS[step.degrees])
        case recipe.Grey():
            return ImageOps.grayscale(picture).convert("RGB")
        case recipe.Blur():
            return picture.filter(ImageFilter.GaussianBlur(step.radius_px))
        case recipe.Sharpen():
            mask = ImageFilter.UnsharpMask(step.radius_px, step.percent, step.threshold)
            return picture.filter(mask)
        case recipe.Watermark():
            return _watermark(step, picture)
        case _:
            assert_never(step)


def fitted(size: tuple[float, float], longest_side_px: int) -> tuple[int, int]:
    """Returns width and height that fit into a longest side; never larger than `size`."""
    scale = min(1.0, longest_side_px / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def shrink(picture: Image.Image, longest_side_px: int) -> Image.Image:
    """Returns the picture with its longest side at most that long."""
    size = fitted(picture.size, longest_side_px)
    return picture if size == picture.size else _resized(picture, size)


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)


def _crop(step: recipe.Crop, picture: Image.Image) -> Image.Image:
    scale = min(picture.width / step.width, picture.height / step.height)
    width, height = max(1, round(step.width * scale)), max(1, round(step.height * scale))
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def _watermark(step: recipe.Watermark, picture: Image.Image) -> Image.Image:
    height = max(8.0, step.height_share * picture.height)
    font = ImageFont.load_default(height)
    mask = Image.new("L", picture.size)
    side, anchor = _corner(step.corner, picture.size, round(height / 2))
    fill = round(_OPAQUE * step.opacity)
    ImageDraw.Draw(mask).text(side, step.text, fill=fill, font=font, anchor=anchor)
    marked = picture.copy()
    marked.paste(Image.new("RGB", picture.size, step.colour), mask=mask)
    return marked


def _corner(corner: str, size: tuple[int, int], margin: int) -> tuple[tuple[float, float], str]:
    vertical, horizontal = corner.split("-")
    left = margin if horizontal == "left" else size[0] - margin
    top = margin if vertical == "top" else size[1] - margin
    return (left, top), ("l" if horizontal == "left" else "r") + ("a" if vertical == "top" else "d")
