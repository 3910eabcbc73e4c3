"""A golden case, and the helpers that the families use to make inputs."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import ml_dtypes
import numpy as np
import tensorflow as tf

BF16 = ml_dtypes.bfloat16
DTYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": BF16, "i8": np.int8, "i16": np.int16,
          "i32": np.int32, "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
          "bool": np.bool_, "c64": np.complex64, "c128": np.complex128}

# Relative and absolute error by the least precise type of the outputs: a few units in the last place of the type for
# each of the steps that an op of this size takes, and more where TensorFlow's own kernels use fast approximations.
TOLERANCES = {"float64": (1e-9, 1e-10), "complex128": (1e-9, 1e-10), "float32": (1e-4, 1e-5), "complex64": (1e-4, 1e-5),
              "float16": (5e-3, 2e-3), "bfloat16": (3e-2, 2e-2)}

_cases: dict[str, "Case"] = {}


@dataclass
class Case:
    name: str
    build: Callable[..., Any]
    inputs: list[np.ndarray]
    tol: tuple[float, float] | None = None
    unknown: bool | str = False  # leave the first axis of each input open, or ("rank") its rank, or ("axes") all its axes
    rewrite: Callable[[Any], None] | None = None  # changes the GraphDef once the outputs are computed

    def declared_shape(self, x: np.ndarray):
        if self.unknown == "rank":
            return None
        if self.unknown == "axes":
            return [None] * x.ndim
        return [None, *x.shape[1:]] if self.unknown and x.ndim > 0 else list(x.shape)

    def tolerance(self, values) -> dict[str, float]:
        if self.tol:
            return dict(zip(("rtol", "atol"), self.tol))
        kinds = [TOLERANCES[np.asarray(v).dtype.name] for v in values if np.asarray(v).dtype.name in TOLERANCES]
        rtol, atol = max(kinds, default=(0.0, 0.0))
        return {"rtol": rtol, "atol": atol}


def add(name: str, build: Callable[..., Any], *inputs, tol=None, unknown=False, rewrite=None) -> None:
    """Registers a case."""
    if name in _cases:
        raise ValueError(f"two cases are called {name}")
    _cases[name] = Case(name, build, [np.asarray(x) for x in inputs], tol, unknown, rewrite)


def all_cases() -> list[Case]:
    return list(_cases.values())


def rng(*key) -> np.random.Generator:
    """A generator that depends on `key` alone."""
    return np.random.default_rng([sum(str(k).encode()) for k in key] + [7])


def draw(dtype: str, shape, low: float = -3, high: float = 3, key: Any = "") -> np.ndarray:
    """Uniform values of a type; integers from the same range, unsigned ones from its absolute values."""
    r = rng(dtype, tuple(shape), low, high, key)
    if dtype == "bool":
        return r.integers(0, 2, shape).astype(bool)
    x = r.uniform(low, high, shape)
    if dtype in ("c64", "c128"):
        x = x + 1j * r.uniform(low, high, shape)
    if dtype[0] == "u":
        x = np.abs(x)
    if dtype[0] in "iu":
        x = np.round(x)
    return np.asarray(x).astype(DTYPES[dtype])


def f32(*shape, low=-3, high=3, key="") -> np.ndarray:
    return draw("f32", shape, low, high, key)


def i32(values) -> np.ndarray:
    return np.asarray(values, np.int32)


def i64(values) -> np.ndarray:
    return np.asarray(values, np.int64)


def raw(op: str, **attrs) -> Callable[..., Any]:
    """A function of positional tensors that calls tf.raw_ops.<op>, in the order of the op's input arguments."""
    function = getattr(tf.raw_ops, op)
    from tensorflow.python.framework import op_def_registry
    args = [a.name for a in op_def_registry.get(op).input_arg]

    def call(*tensors):
        named = dict(zip([a for a in args if a not in attrs], tensors))
        return function(**named, **attrs)

    return call


def const(x) -> tf.Tensor:
    return tf.constant(x)


def gradient_of(function):
    """Builds the gradient of a function of one tensor, as TensorFlow differentiates it."""
    def build(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return build
