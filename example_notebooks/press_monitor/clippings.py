"""Press clippings as a scanner gives them: a little turned, a little noisy."""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_MARGIN = 40
_CHARACTERS = 52
_PAPER, _INK = 236, 28
# it has the letters of both languages, and comes with matplotlib, which MLflow needs
_FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"


@dataclass(frozen=True)
class Clipping:
    """What a clipping says, in which language, and whether that is good news."""

    lang: str
    text: str
    good: bool


CLIPPINGS = (
    Clipping(
        "en",
        "The new library is a great success. Children love the reading room, and the whole town "
        "is proud of its beautiful building.",
        good=True,
    ),
    Clipping(
        "en",
        "The flood was a terrible disaster. Many people lost their homes, and fear of disease "
        "and crime grows in the camps.",
        good=False,
    ),
    Clipping(
        "es",
        "El hospital celebra un gran éxito. Los médicos salvaron la vida de los niños, y las "
        "familias están muy felices.",
        good=True,
    ),
    Clipping(
        "es",
        "La guerra causó una terrible crisis. Murieron muchas personas inocentes, y el miedo a "
        "la violencia destruye la ciudad.",
        good=False,
    ),
)


def scan(text: str, *, seed: int = 0, angle: float = 0.8, noise: float = 8.0) -> bytes:
    """A picture of `text` as PNG, turned by up to `angle` degrees, with grain of width `noise`."""
    random = np.random.default_rng(seed)
    font = ImageFont.truetype(str(_FONT), 30)
    lines = textwrap.fill(text, _CHARACTERS)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), lines, font, spacing=12)
    size = (int(box[2]) + 2 * _MARGIN, int(box[3]) + 2 * _MARGIN)
    paper = Image.new("L", size, _PAPER)
    ImageDraw.Draw(paper).multiline_text((_MARGIN, _MARGIN), lines, _INK, font, spacing=12)
    turned = paper.rotate(
        random.uniform(-angle, angle), Image.Resampling.BICUBIC, expand=True, fillcolor=_PAPER
    )
    grain = np.asarray(turned) + random.normal(0, noise, (turned.height, turned.width))
    picture = io.BytesIO()
    Image.fromarray(grain.clip(0, 255).astype(np.uint8)).save(picture, "PNG")
    return picture.getvalue()
