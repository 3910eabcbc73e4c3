"""Matrices of few diagonals, and the older spellings of factorisations and Fourier transforms."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, raw

TYPES = ("f32", "f64", "c64", "c128")


def symmetric(t, *shape):
    x = draw(t, shape, -2, 2)
    return x + x.swapaxes(-1, -2)


for t in TYPES:
    for pivoting in (True, False):
        d = draw(t, (2, 3, 5), 0.5, 1.5)
        d[:, 1] += 3
        add(f"TridiagonalSolve_{pivoting}_{t}", raw("TridiagonalSolve", partial_pivoting=pivoting), d, draw(t, (2, 5, 2)))
    add(f"TridiagonalSolve_swaps_{t}", raw("TridiagonalSolve"), draw(t, (2, 3, 5), 0.5, 3), draw(t, (2, 5, 2)), tol=(1e-3, 1e-3) if t in ("f32", "c64") else None)
    add(f"TridiagonalMatMul_{t}", raw("TridiagonalMatMul"), draw(t, (2, 1, 5)), draw(t, (2, 1, 5), key="d"), draw(t, (2, 1, 5), key="s"), draw(t, (2, 5, 3)))
    for lower in (True, False):
        for adjoint in (True, False):
            for bands in (1, 3):
                b = draw(t, (2, bands, 5), 1, 2)
                add(f"BandedTriangularSolve_{lower}_{adjoint}_{bands}_{t}", raw("BandedTriangularSolve", lower=lower, adjoint=adjoint), b, draw(t, (2, 5, 2)))
add("BandedTriangularSolve_broadcast", raw("BandedTriangularSolve"), draw("f64", (2, 1, 2, 5), 1, 2), draw("f64", (3, 5, 2)))
add("TridiagonalSolve_one", raw("TridiagonalSolve"), draw("f64", (3, 1), 1, 2), draw("f64", (1, 2)))
add("TridiagonalMatMul_empty", raw("TridiagonalMatMul"), *[np.zeros((1, 0), np.float32)] * 3, np.zeros((0, 3), np.float32))


def renamed(old, new, *dropped):
    """Makes a graph have the older spelling of an op, which TensorFlow reads but no longer makes."""
    def rewrite(graph):
        for node in graph.node:
            if node.op == old:
                node.op = new
                for attr in dropped:
                    node.attr.pop(attr, None)
    return rewrite


for t in ("f32", "f64"):
    # Vectors are unique up to signs.
    add(f"BatchSelfAdjointEigV2_{t}", lambda x: (lambda r: [r[0], tf.abs(r[1])])(tf.raw_ops.SelfAdjointEigV2(input=x)), symmetric(t, 2, 4, 4), tol=(1e-3, 1e-3) if t == "f32" else None, rewrite=renamed("SelfAdjointEigV2", "BatchSelfAdjointEigV2"))
    add(f"BatchSvd_{t}", lambda x: tf.raw_ops.Svd(input=x)[0], draw(t, (2, 4, 3)), rewrite=renamed("Svd", "BatchSvd"))
for axes in ("", "2D", "3D"):
    for op in ("FFT", "IFFT"):
        add(f"Batch{op}{axes}", raw(op + axes), draw("c64", (2, 3, 4, 5)), tol=(1e-4, 1e-4), rewrite=renamed(op + axes, f"Batch{op}{axes}", "Tcomplex"))
