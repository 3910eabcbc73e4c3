"""Crossed features: combinations of sparse, ragged and dense columns."""
import numpy as np
import tensorflow as tf

from case import add, i64

TEXT = i64([[0, 0], [0, 1], [2, 0]]), np.array(["a", "bb", "a text that is long"], dtype=object), i64([3, 2])
NUMBERS = i64([[0, 0], [1, 0], [2, 0], [2, 1]]), i64([5, -7, 1 << 40, 3]), i64([3, 4])
DENSE_TEXT = np.array([["x"], [""], ["z"]], dtype=object)
DENSE_NUMBERS = i64([[1, 2], [-3, 1 << 50], [5, 6]])


def sparse(*columns):
    return {"indices": [c[0] for c in columns], "values": [c[1] for c in columns], "shapes": [c[2] for c in columns]}


def first_version(buckets, columns):
    def call(a, b, c, d, e, f, g, h):
        every = [(a, b, c), (d, e, f)]
        return list(tf.raw_ops.SparseCross(**sparse(*every[:columns]), dense_inputs=[g, h], hashed_output=True, num_buckets=buckets, hash_key=956888297470, out_type=tf.int64, internal_type=tf.int64))
    return call


for buckets in (0, 1000):
    for columns in (0, 1, 2):
        add(f"SparseCross_{buckets}_{columns}", first_version(buckets, columns), *TEXT, *NUMBERS, DENSE_TEXT, DENSE_NUMBERS)
add("SparseCross_text", lambda a, b, c, d: list(tf.raw_ops.SparseCross(**sparse((a, b, c)), dense_inputs=[d], hashed_output=False, num_buckets=0, hash_key=1, out_type=tf.string, internal_type=tf.string)), *TEXT, DENSE_TEXT)
for separator in ("", "_Y_"):
    add(f"SparseCrossV2_{len(separator)}", lambda a, b, c, d, e, f, g, s=separator: list(tf.raw_ops.SparseCrossV2(**sparse((a, b, c), (d, e, f)), dense_inputs=[g], sep=s)), *TEXT, *TEXT[:1], TEXT[1][::-1], TEXT[2], DENSE_TEXT)
for strong in (True, False):
    for buckets in (0, 77):
        # TensorFlow's strong hash of dense numbers crashes.
        dense = [DENSE_TEXT] if strong else [DENSE_TEXT, DENSE_NUMBERS]
        add(f"SparseCrossHashed_{strong}_{buckets}", lambda a, b, c, d, e, f, *g, s=strong, n=buckets: list(tf.raw_ops.SparseCrossHashed(**sparse((a, b, c), (d, e, f)), dense_inputs=g, num_buckets=n, strong_hash=s, salt=[137, -42])), *TEXT, *NUMBERS, *dense)
add("SparseCrossHashed_one", lambda x: list(tf.raw_ops.SparseCrossHashed(indices=[], values=[], shapes=[], dense_inputs=[x], num_buckets=9, strong_hash=False, salt=[1, 2])), DENSE_NUMBERS)


def ragged(hashed, order, splits):
    def call(v, s, a, b, c, g):
        kinds = {"R": dict(ragged_values=[v], ragged_row_splits=[tf.cast(s, splits)]), "S": sparse((a, b, c)), "D": dict(dense_inputs=[g])}
        named = dict(ragged_values=[], ragged_row_splits=[], sparse_indices=[], sparse_values=[], sparse_shape=[], dense_inputs=[])
        for kind in order:
            part = kinds[kind]
            named.update({{"indices": "sparse_indices", "values": "sparse_values", "shapes": "sparse_shape"}.get(k, k): x for k, x in part.items()})
        return list(tf.raw_ops.RaggedCross(**named, input_order=order, hashed_output=hashed, num_buckets=50 if hashed else 0, hash_key=956888297470, out_values_type=tf.int64 if hashed else tf.string, out_row_splits_type=splits))
    return call


for hashed in (True, False):
    for order in ("RSD", "DR", "SRD", "R"):
        add(f"RaggedCross_{hashed}_{order}", ragged(hashed, order, tf.int64), np.array(["p", "q", "r", "s"], dtype=object), i64([0, 2, 2, 4]), *NUMBERS, DENSE_TEXT)
    add(f"RaggedCross_{hashed}_i32", ragged(hashed, "RD", tf.int32), np.array(["p", "q", "r", "s"], dtype=object), i64([0, 2, 2, 4]), *NUMBERS, DENSE_TEXT)
