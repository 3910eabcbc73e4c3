"""Special functions that are kernels of the host."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, raw

POSITIVE = ("BesselY0", "BesselY1", "BesselK0", "BesselK1", "BesselK0e", "BesselK1e", "Expint", "Spence")
for op in ("BesselJ0", "BesselJ1", "Dawsn", "FresnelCos", "FresnelSin", *POSITIVE):
    for t in ("f32", "f64", "f16") if op.startswith("Bessel") else ("f32", "f64"):
        low = 0.05 if op in POSITIVE else -12
        small, wide = draw(t, (40,), max(low, -2), 2, op), draw(t, (60,), low, 12, op)
        add(f"{op}_{t}", raw(op), np.concatenate([small, wide]).reshape(10, 10), tol=(1e-4, 1e-5) if t == "f32" else None)
        add(f"{op}_empty_{t}", raw(op), np.zeros((0, 3), DTYPES[t]))
    add(f"{op}_scalar", raw(op), np.float64(1.25))
    add(f"{op}_edges", raw(op), np.float64([0, np.nan, 1e-300, 1e-8, 3, 25, 45]))
for op in ("BesselK0e", "BesselK1e"):
    add(f"{op}_large", raw(op), np.float64([100, 1e3, 1e6, 1e12]))
for op in ("Dawsn", "FresnelCos", "FresnelSin"):
    add(f"{op}_large", raw(op), np.float64([30, -100, 1e3, 1e9, -np.inf, np.inf]), tol=(1e-7, 1e-7))
for op in ("BesselY0", "BesselY1", "BesselK0", "BesselK0e", "Spence"):
    add(f"{op}_negative", raw(op), np.float64([-1, -0.5]))
add("Spence_large", raw("Spence"), np.float64([100, 1e10]))
for op in ("BesselJ0", "BesselJ1", "BesselY0", "BesselY1", "BesselK0", "BesselK1e", "Expint", "Spence"):
    add(f"{op}_infinite", raw(op), np.float64([np.inf, -np.inf]))
