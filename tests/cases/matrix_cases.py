"""Functions of matrices, general eigenvalues, least squares, and matrices of few diagonals."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, raw

TYPES = ("f32", "f64", "c64", "c128")


def calm(t, *shape):
    """Matrices with eigenvalues near 3."""
    return (draw(t, shape, -0.5, 0.5) + 3 * np.eye(shape[-1])).astype(DTYPES[t])


def symmetric(t, *shape):
    x = draw(t, shape, -2, 2)
    return x + x.swapaxes(-1, -2)


for t in TYPES:
    add(f"MatrixSquareRoot_{t}", raw("MatrixSquareRoot"), calm(t, 2, 4, 4))
    if t[0] == "c":
        add(f"MatrixLogarithm_{t}", raw("MatrixLogarithm"), calm(t, 2, 4, 4))
    out = tf.complex64 if t in ("f32", "c64") else tf.complex128
    add(f"Eig_{t}", lambda x, o=out: (lambda r: [r[0], tf.matmul(r[1] * r[0][:, None, :], tf.linalg.inv(r[1]))])(tf.raw_ops.Eig(input=x, Tout=o)), draw(t, (2, 3, 3), -2, 2), tol=(1e-3, 1e-3) if out == tf.complex64 else (1e-8, 1e-8))
    add(f"Eig_values_{t}", lambda x, o=out: tf.raw_ops.Eig(input=x, Tout=o, compute_v=False)[0], draw(t, (2, 3, 3), -2, 2))
    for fast in (True, False):
        for m, n in ((5, 3), (3, 5), (4, 4)):
            for l2 in (0.0, 0.5):
                if fast and not l2 and t in ("f32", "c64") and m == n:
                    continue
                add(f"MatrixSolveLs_{fast}_{m}_{n}_{l2}_{t}", lambda a, b, l=l2, f=fast: tf.raw_ops.MatrixSolveLs(matrix=a, rhs=b, l2_regularizer=tf.constant(l, tf.float64), fast=f), draw(t, (2, m, n)), draw(t, (2, m, 2)), tol=(1e-3, 1e-3) if t in ("f32", "c64") else (1e-8, 1e-8))
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
for op in ("MatrixSquareRoot",):
    add(f"{op}_empty", raw(op), np.zeros((2, 0, 0), np.float32))
    add(f"{op}_one", raw(op), np.float64([[4]]))
add("MatrixSolveLs_empty", lambda a, b: tf.raw_ops.MatrixSolveLs(matrix=a, rhs=b, l2_regularizer=tf.constant(0.0, tf.float64)), np.zeros((0, 3, 2), np.float32), np.zeros((0, 3, 1), np.float32))
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
    add(f"BatchMatrixSolveLs_{t}", lambda a, b: tf.raw_ops.MatrixSolveLs(matrix=a, rhs=b, l2_regularizer=tf.constant(0.1, tf.float64)), draw(t, (2, 5, 3)), draw(t, (2, 5, 1)), tol=(1e-3, 1e-3) if t == "f32" else None, rewrite=renamed("MatrixSolveLs", "BatchMatrixSolveLs"))
for axes in ("", "2D", "3D"):
    for op in ("FFT", "IFFT"):
        add(f"Batch{op}{axes}", raw(op + axes), draw("c64", (2, 3, 4, 5)), tol=(1e-4, 1e-4), rewrite=renamed(op + axes, f"Batch{op}{axes}", "Tcomplex"))
