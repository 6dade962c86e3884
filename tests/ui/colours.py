"""Reads the tokens and computes colours as a browser does, as far as tokens.css uses them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

TOKENS = Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css"
NAMED = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0)}
Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Palette:
    """The custom properties of one theme."""

    values: dict[str, str]
    is_dark: bool

    def colour(self, name: str) -> Rgb:
        """Return linear-light sRGB of an opaque token."""
        return self._resolve(self.values[name])

    def _resolve(self, value: str) -> Rgb:
        value = value.strip()
        if value in NAMED:
            return NAMED[value]
        if value.startswith("var("):
            return self.colour(value[4:-1].strip())
        if value.startswith("light-dark("):
            light, dark = _arguments(value)
            return self._resolve(dark if self.is_dark else light)
        lightness, chroma, hue = (float(part) for part in re.findall(r"[\d.]+", value)[:3])
        return _oklch_to_linear_rgb(lightness, chroma, hue)


def palette(theme: str, *, is_dark: bool) -> Palette:
    """Read a theme: "" for the one without a choice, or a value of `data-theme`."""
    css = re.sub(r"/\*.*?\*/", "", TOKENS.read_text(), flags=re.DOTALL)
    values = _properties(css, r"^:root\s*\{")
    if theme:
        values |= _properties(css, rf'^:root\[data-theme="{theme}"\]\s*\{{')
    return Palette(values, is_dark)


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio.

    Source: WCAG 2.2, relative luminance and contrast ratio.
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _properties(css: str, selector: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in re.finditer(selector, css, re.MULTILINE):
        body = css[start.end() : css.index("}", start.end())]
        found |= {name: " ".join(value.split()) for name, value in re.findall(r"(--[\w-]+):\s*([^;]+);", body)}
    return found


def _arguments(call: str) -> tuple[str, str]:
    inner = call[call.index("(") + 1 : -1]
    depth = 0
    for at, sign in enumerate(inner):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            return inner[:at], inner[at + 1 :]
    raise ValueError(call)


def _oklch_to_linear_rgb(lightness: float, chroma: float, hue: float) -> Rgb:
    """Convert a colour; what lies outside sRGB is clipped.

    Source: CSS Color 4, sample code for OKLab.
    """
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    rgb = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    red, green, blue = (min(1.0, max(0.0, part)) for part in rgb)
    return red, green, blue


def _luminance(rgb: Rgb) -> float:
    red, green, blue = rgb
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
