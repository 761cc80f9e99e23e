"""Why an image was rejected, in a sentence for its sender.

The same words stand in `dbt_project/models/marts/images/view_image_rejections.sql`.
"""

from __future__ import annotations

from collections.abc import Mapping

from assets.validation.reasons import Reason

EXPLANATIONS: Mapping[Reason, str] = {
    Reason.EMPTY: (
        "The file has no bytes. Send it again; check that the export or upload had finished."
    ),
    Reason.TOO_LARGE: (
        "The file is larger than the platform takes. Save it smaller or compress it more."
    ),
    Reason.NOT_AN_IMAGE: (
        "The content is not an image, whatever the name says. "
        "Open the file in a viewer; send the picture itself."
    ),
    Reason.FORMAT_NOT_ALLOWED: (
        "It is an image, in a format that the platform does not take. "
        "Convert it to a common format such as JPEG, PNG or WebP."
    ),
    Reason.TOO_MANY_PIXELS: (
        "The picture has more pixels than the platform decodes. Scale it down before sending."
    ),
    Reason.TOO_MANY_FRAMES: (
        "The file holds an animation or many pages. Send one picture per file."
    ),
    Reason.TRUNCATED: (
        "The file ends in the middle of the picture. "
        "Send it again; check the connection and the size of the original."
    ),
    Reason.CORRUPT: (
        "The file is damaged and cannot be decoded. Export it anew from the original and send that."
    ),
    Reason.DECODER_TIMEOUT: (
        "Decoding took longer than allowed. "
        "Save it anew with an ordinary editor, without unusual options, and send that."
    ),
    Reason.DECODER_DIED: (
        "Decoding used too much memory or crashed. Save it anew with an ordinary editor, "
        "and tell the platform team if it happens again."
    ),
    Reason.PROCESSOR_FAILED: (
        "The processor failed with this file, and not with others. Save it anew with an ordinary "
        "editor, and tell the platform team if it happens again."
    ),
    Reason.OBJECT_MISSING: (
        "The file was gone from the store before it could be processed. "
        "Send it again, and delete nothing from the store by hand."
    ),
    Reason.GAVE_UP: (
        "Processing was interrupted too often. "
        "Send it again later, and tell the platform team if it happens again."
    ),
}
