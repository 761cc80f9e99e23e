"""ICC profiles whose effect can be worked out by hand (ICC.1:2001-04, “ICC profile format”)."""

import struct
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from PIL import ImageCms
from skimage.color import xyz2lab

D50 = (0.9642, 1.0, 0.8249)
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]])
"""What red, green and blue are in sRGB, as columns of XYZ under D50."""

DISPLAY_P3 = np.array(
    [[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]]
)
GAMMA = 2.2


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def matrix_profile(columns: np.ndarray, gamma: float = GAMMA) -> bytes:
    """A screen whose red, green and blue are the columns of a matrix."""
    tags = {name: _xyz(columns[:, at]) for at, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | curves)


def swapped_profile() -> bytes:
    """A screen whose red is sRGB's green and the other way round."""
    return matrix_profile(SRGB[:, [1, 0, 2]])


def grey_profile(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def ink_profile(colours: Mapping[tuple[int, int, int, int], Sequence[int]]) -> bytes:
    """A press that prints these sRGB colours with all or nothing of each ink; black otherwise."""
    table = bytearray()
    for inks in product((0, 1), repeat=4):
        lightness, a, b = xyz2lab(SRGB @ _linear(colours.get(inks, (0, 0, 0))), illuminant="D50")
        table += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    ramp = bytes(range(256))
    body = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    body += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": body + ramp * 4 + bytes(table) + ramp * 3})


def in_srgb(colour: Sequence[int], columns: np.ndarray, gamma: float = GAMMA) -> list[float]:
    """A colour of a matrix profile in sRGB, worked out by hand (IEC 61966-2-1)."""
    linear = np.linalg.inv(SRGB) @ columns @ (np.array(colour) / 255) ** gamma
    linear = linear.clip(0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [float(level) for level in curved * 255]


def from_srgb(pixels: np.ndarray, columns: np.ndarray, gamma: float = GAMMA) -> np.ndarray:
    """The pixels of an sRGB picture in the numbers of a matrix profile."""
    linear = _linear(pixels) @ (np.linalg.inv(columns) @ SRGB).T
    return (linear.clip(0, 1) ** (1 / gamma) * 255).round().astype(np.uint8)


def _linear(colours: Sequence[int] | np.ndarray) -> np.ndarray:
    levels = np.array(colours) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    text = b"Made for a test\0"
    said = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": said, b"wtpt": _xyz(D50), **tags}
    at, table, content = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += name + struct.pack(">II", at + len(content), len(body))
        content += body + bytes(-len(body) % 4)
    size = at + len(content)
    head = struct.pack(">I", size) + bytes(4) + b"\x02\x10\0\0" + kind + space + connection
    head += bytes(12) + b"acsp" + bytes(28) + _xyz(D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content
