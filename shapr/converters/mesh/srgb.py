"""Colours: files and people mean sRGB, glTF and the kernel compute in linear light. IEC 61966-2-1."""

from typing import Any

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]


def linear(srgb: npt.ArrayLike) -> Real:
    """sRGB 0..1 in linear light; a fourth component, alpha, stays."""
    values = np.clip(np.asarray(srgb, np.float64), 0, 1)
    return _but_alpha(values, np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4))


def curved(light: npt.ArrayLike) -> Real:
    """Linear light 0..1 as sRGB 0..1; a fourth component, alpha, stays. What is not a number becomes 0."""
    values = np.clip(np.nan_to_num(np.asarray(light, np.float64)), 0, 1)
    return _but_alpha(values, np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055))


def of_linear(light: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """The same as 0..255."""
    return np.round(curved(light) * 255).astype(np.uint8)


def _but_alpha(values: Real, curved: Any) -> Real:
    result = np.asarray(curved, np.float64)
    if values.shape[-1] == 4:
        result[..., 3] = values[..., 3]
    return result
