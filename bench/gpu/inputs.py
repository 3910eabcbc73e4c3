"""Inputs for the models, drawn at random, the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graph.program import placeholder_shapes, read_graph

INPUT_SETS = 4  # rotated, so that no run finds its inputs in a cache


def images(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A colour for the whole image, coarse patches and noise: images that differ as a whole, as photographs do, and not
    in what a network averages away."""
    colour = rng.standard_normal((shape[0], 1, 1, shape[3]), dtype=np.float32)
    patches = rng.standard_normal((shape[0], 4, 4, shape[3]), dtype=np.float32)
    rows, columns = (np.arange(size) * 4 // size for size in shape[1:3])
    noise = rng.standard_normal(shape, dtype=np.float32)
    return colour + np.float32(0.5) * patches[:, rows][:, :, columns] + np.float32(0.3) * noise


def draw(name: str, shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """One input: images, token numbers, masks that leave out a tail."""
    if len(shape) == 4 and np.dtype(dtype).kind == "f":
        return images(shape, rng).astype(dtype)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape, dtype=np.float32).astype(dtype)
    if "mask" in name:
        lengths = rng.integers(shape[1] // 2, shape[1] + 1, shape[0])
        return (np.arange(shape[1]) < lengths[:, None]).astype(dtype)
    return rng.integers(0, 1000, shape).astype(dtype)


def input_sets(model: Path, batch: int, sets: int = INPUT_SETS) -> list[dict[str, np.ndarray]]:
    """`sets` dictionaries of arrays by input name."""
    shapes = placeholder_shapes(read_graph(model))
    result = []
    for seed in range(sets):
        rng = np.random.default_rng([seed, batch])
        result.append(
            {
                name: draw(name, tuple(batch if d < 0 else d for d in shape), dtype, rng)
                for name, (shape, dtype) in shapes.items()
            }
        )
    return result


def relative_norm(found: np.ndarray, expected: np.ndarray) -> float:
    """|found - expected| / |expected|; infinite where a shape differs or an element is not finite."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    difference = np.linalg.norm(found.astype(np.float64) - expected.astype(np.float64))
    return float(difference / max(np.linalg.norm(expected.astype(np.float64)), 1e-30))
