"""A company's own code, as docs/operations.md shows how to plug it in."""

import hashlib
import io

from PIL import Image

from assets.catalog.facts import ImageFacts
from assets.processing.contract import ProcessedImage, Rendition
from assets.processing.recipe import Recipe


def process(body: bytes, recipe: Recipe) -> ProcessedImage:
    """Makes every rendition a small grey JPEG."""
    with Image.open(io.BytesIO(body)) as image:
        picture = image.convert("L").resize((32, 32))
        facts = ImageFacts(
            image.format, image.mode, *image.size, sha256=hashlib.sha256(body).digest()
        )
    file = io.BytesIO()
    picture.save(file, "JPEG")
    made = [Rendition(one.name, file.getvalue(), "JPEG", 32, 32) for one in recipe.renditions]
    return ProcessedImage(facts, tuple(made), processor="acme 1.0")
