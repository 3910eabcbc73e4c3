"""Matrix products, matrices and linear algebra."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, i64, raw

for t in ("f32", "f64", "f16", "bf16", "i32", "c64"):
    add(f"MatMul_{t}", raw("MatMul"), draw(t, (3, 4), -2, 2), draw(t, (4, 5), -2, 2))
    add(f"BatchMatMulV2_{t}", raw("BatchMatMulV2"), draw(t, (2, 1, 3, 4), -2, 2), draw(t, (5, 4, 2), -2, 2))
for ta in (False, True):
    for tb in (False, True):
        a, b = f32(*((4, 3) if ta else (3, 4))), f32(*((5, 4) if tb else (4, 5)))
        add(f"MatMul_{ta}_{tb}", raw("MatMul", transpose_a=ta, transpose_b=tb), a, b)
        add(f"BatchMatMul_{ta}_{tb}", raw("BatchMatMul", adj_x=ta, adj_y=tb), np.stack([a, -a]), np.stack([b, b]))
add("BatchMatMulV3", raw("BatchMatMulV3", Tout=tf.int32), draw("i8", (2, 3, 4)), draw("i8", (2, 4, 2)))
add("BatchMatMulV2_adjoint", raw("BatchMatMulV2", adj_x=True), draw("c64", (2, 4, 3)), draw("c64", (2, 4, 2)))
add("MatMul_unknown", raw("MatMul"), f32(3, 4), f32(4, 5, key="b"), unknown=True)
add("MatMul_empty", raw("MatMul"), np.zeros((0, 4), np.float32), f32(4, 5))
add("MatMul_no_inner", raw("MatMul"), np.zeros((2, 0), np.float32), np.zeros((0, 3), np.float32))
add("SparseMatMul", raw("SparseMatMul"), f32(3, 4), f32(4, 5))
add("SparseTensorDenseMatMul", lambda i, v, b: tf.raw_ops.SparseTensorDenseMatMul(a_indices=i, a_values=v, a_shape=i64([3, 4]), b=b), i64([[0, 1], [2, 3]]), f32(2), f32(4, 2))
EINSUMS = {"matmul": ("ij,jk->ik", (3, 4), (4, 5)), "batch": ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), "heads": ("btnh,bsnh->bnts", (2, 3, 2, 4), (2, 5, 2, 4)),
           "outer": ("i,j->ij", (3,), (4,)), "inner": ("ij,ij->", (3, 4), (3, 4)), "ellipsis": ("...ij,jk->...ik", (2, 2, 3, 4), (4, 5)),
           "dense": ("abc,cde->abde", (2, 3, 4), (4, 2, 3)), "broadcast": ("...i,...i->...", (2, 3, 4), (3, 4))}
for name, (eq, a, b) in EINSUMS.items():
    add(f"Einsum_{name}", lambda x, y, e=eq: tf.raw_ops.Einsum(inputs=[x, y], equation=e), f32(*a), f32(*b, key="b"))
for name, (eq, a) in {"trace": ("ii->", (3, 3)), "diagonal": ("ii->i", (3, 3)), "transpose": ("ijk->kij", (2, 3, 4)), "sum": ("ij->j", (3, 4))}.items():
    add(f"Einsum_{name}", lambda x, e=eq: tf.raw_ops.Einsum(inputs=[x], equation=e), f32(*a))
add("Einsum_unknown", lambda x, y: tf.raw_ops.Einsum(inputs=[x, y], equation="btd,dh->bth"), f32(2, 3, 4), f32(4, 5), unknown=False)
add("Einsum_unknown_batch", lambda x: tf.raw_ops.Einsum(inputs=[x, tf.constant(f32(4, 5))], equation="btd,dh->bth"), f32(2, 3, 4), unknown=True)
for op in ("MatrixBandPart",):
    for lo, hi in ((1, 0), (-1, 1), (0, -1), (0, 0)):
        add(f"{op}_{lo}_{hi}", lambda x, a=lo, b=hi: tf.raw_ops.MatrixBandPart(input=x, num_lower=a, num_upper=b), f32(2, 4, 5))
for op, shape in (("MatrixDiag", (2, 3)), ("MatrixDiagPart", (2, 3, 4)), ("Diag", (2, 3)), ("DiagPart", (2, 3, 2, 3))):
    add(op, raw(op), f32(*shape))
add("MatrixSetDiag", raw("MatrixSetDiag"), f32(2, 3, 4), f32(2, 3, key="d"))
for align in ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT"):
    add(f"MatrixDiagV3_{align}", lambda x, a=align: tf.raw_ops.MatrixDiagV3(diagonal=x, k=[-1, 1], num_rows=4, num_cols=3, padding_value=9.0, align=a), f32(2, 3, 3))
    add(f"MatrixDiagPartV3_{align}", lambda x, a=align: tf.raw_ops.MatrixDiagPartV3(input=x, k=[-1, 1], padding_value=9.0, align=a), f32(2, 4, 3))
    add(f"MatrixSetDiagV3_{align}", lambda x, d, a=align: tf.raw_ops.MatrixSetDiagV3(input=x, diagonal=d, k=[-1, 0], align=a), f32(2, 3, 3), f32(2, 2, 3, key="d"))
add("MatrixDiagV2", lambda x: tf.raw_ops.MatrixDiagV2(diagonal=x, k=1, num_rows=-1, num_cols=-1, padding_value=0.0), f32(2, 3))
add("MatrixDiagPartV2", lambda x: tf.raw_ops.MatrixDiagPartV2(input=x, k=0, padding_value=0.0), f32(2, 3, 4))
add("MatrixSetDiagV2", lambda x, d: tf.raw_ops.MatrixSetDiagV2(input=x, diagonal=d, k=0), f32(2, 3, 4), f32(2, 3, key="d"))


def spd(t, n=4):
    """Well-conditioned symmetric positive definite matrices."""
    a = draw(t, (2, n, n), -1, 1)
    return (a @ a.swapaxes(-1, -2) + n * np.eye(n, dtype=DTYPES[t])).astype(DTYPES[t])


for t in ("f32", "f64"):
    m = spd(t)
    for op in ("Cholesky", "MatrixInverse", "MatrixDeterminant", "LogMatrixDeterminant"):
        add(f"{op}_{t}", raw(op), m)
    add(f"MatrixSolve_{t}", raw("MatrixSolve"), m, draw(t, (2, 4, 3)))
    add(f"MatrixSolve_adjoint_{t}", raw("MatrixSolve", adjoint=True), m + draw(t, (2, 4, 4), -1, 1, "n"), draw(t, (2, 4, 3)))
    for lower in (True, False):
        add(f"MatrixTriangularSolve_{lower}_{t}", raw("MatrixTriangularSolve", lower=lower, adjoint=not lower), m, draw(t, (2, 4, 3)))
    add(f"SelfAdjointEigV2_values_{t}", lambda x: tf.raw_ops.SelfAdjointEigV2(input=x, compute_v=False)[0], m)
    add(f"Svd_values_{t}", lambda x: tf.raw_ops.Svd(input=x, compute_uv=False)[0], draw(t, (2, 4, 3)))
    # Factors are unique up to signs; their product is compared.
    add(f"Qr_{t}", lambda x: (lambda q: tf.matmul(q[0], q[1]))(tf.raw_ops.Qr(input=x)), draw(t, (2, 4, 3)))
    add(f"SelfAdjointEigV2_{t}", lambda x: (lambda e: tf.matmul(e[1] * e[0][:, None, :], e[1], transpose_b=True))(tf.raw_ops.SelfAdjointEigV2(input=x)), m)
    add(f"Svd_{t}", lambda x: (lambda s: tf.matmul(s[1] * s[0][:, None, :], s[2], transpose_b=True))(tf.raw_ops.Svd(input=x)), draw(t, (2, 4, 3)))
    add(f"Lu_{t}", raw("Lu"), m + draw(t, (2, 4, 4), -9, 9, "lu"))

# Functions of whole matrices.


def _as_old_op(op, t):
    """A graph of one op that TensorFlow has done away with, in the place of what it does."""

    def rewrite(graph_def):
        keep = [n for n in graph_def.node if n.op in ("Placeholder", "Abs") or n.name == "o0"]
        node = tf.compat.v1.NodeDef(name="old", op=op, input=["i0"])
        node.attr["T"].type = tf.as_dtype(DTYPES[t]).as_datatype_enum
        next(n for n in keep if n.op in ("Abs", "Identity")).input[0] = "old"
        del graph_def.node[:]
        graph_def.node.extend([*keep, node])

    return rewrite


for t in ("f32", "f64", "c64", "c128"):
    square = draw(t, (2, 3, 3), -1, 1, "function")
    add(f"MatrixExponential_{t}", tf.linalg.expm, square, rewrite=_as_old_op("MatrixExponential", t))
    add(f"MatrixSquareRoot_{t}", raw("MatrixSquareRoot"), square @ square.swapaxes(-1, -2).conj() + np.eye(3, dtype=DTYPES[t]))
    if t[0] == "c":
        add(f"MatrixLogarithm_{t}", raw("MatrixLogarithm"), square @ square.swapaxes(-1, -2).conj() + np.eye(3, dtype=DTYPES[t]))
    out = tf.complex64 if t in ("f32", "c64") else tf.complex128
    # Eigenvalues are given in no order, and eigenvectors up to a factor: what they do is compared.
    add(f"Eig_values_{t}", lambda x, o=out: tf.sort(tf.math.real(tf.raw_ops.Eig(input=x, compute_v=False, Tout=o)[0])), square + np.diag([1, 4, 9]).astype(DTYPES[t]))
    add(f"Eig_vectors_{t}", lambda x, o=out: (lambda e: e.v * e.e[..., None, :] - tf.cast(x, o) @ e.v)(tf.raw_ops.Eig(input=x, Tout=o)), square + np.diag([1, 4, 9]).astype(DTYPES[t]), tol=(1e-4, 1e-5))
    for fast in (True, False):
        add(f"MatrixSolveLs_{fast}_{t}", raw("MatrixSolveLs", fast=fast), draw(t, (2, 5, 3), -1, 1, "ls"), draw(t, (2, 5, 2), -1, 1, "rhs"), np.float64(0.1 if fast else 0))
add("MatrixSolveLs_wide", raw("MatrixSolveLs"), f32(2, 3, 5), f32(2, 3, 2), np.float64(0.1))
add("Eig_empty", lambda x: list(tf.raw_ops.Eig(input=x, Tout=tf.complex64)), np.zeros((0, 3, 3), np.float32))
add("Cholesky_not_positive", raw("Cholesky"), np.float32([[1, 2], [2, 1]]))
for op in ("MatrixInverse", "Qr"):
    add(f"{op}_f16", (lambda x: tf.raw_ops.MatrixInverse(input=x)) if op == "MatrixInverse" else (lambda x: tf.abs(tf.raw_ops.Qr(input=x)[1])), spd("f16"), tol=(2e-2, 2e-2))

add("SelfAdjointEig", lambda x: (lambda e: tf.abs(tf.concat([e.e[..., None, :], e.v], -2)))(tf.raw_ops.SelfAdjointEigV2(input=x)), spd("f32"), rewrite=_as_old_op("SelfAdjointEig", "f32"))

# What is not finite gives NaN.
for t in ("f32", "f64"):
    broken = draw(t, (2, 3, 3), -1, 1, "broken")
    broken[0, 1, 2] = np.nan
    add(f"Svd_nan_{t}", lambda x: tf.raw_ops.Svd(input=x, compute_uv=False)[0], broken)
    add(f"LogMatrixDeterminant_nan_{t}", raw("LogMatrixDeterminant"), broken)
    add(f"MatrixSquareRoot_nan_{t}", lambda x: tf.raw_ops.MatrixSquareRoot(input=x)[0], broken)
add("MatrixLogarithm_nan", lambda x: tf.raw_ops.MatrixLogarithm(input=x)[0], broken.astype(np.complex128))
