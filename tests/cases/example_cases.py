"""Serialised sequences of examples, with features of the context and of each step."""
import numpy as np
import tensorflow as tf

from case import add

KINDS = {"f": lambda v: tf.train.Feature(float_list=tf.train.FloatList(value=v)), "i": lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=v)), "s": lambda v: tf.train.Feature(bytes_list=tf.train.BytesList(value=v))}


def sequence(context, lists):
    """Features by name, whose first letter is their type; `lists` has a list of values for each step."""
    return tf.train.SequenceExample(
        context=tf.train.Features(feature={k: KINDS[k[0]](v) for k, v in context.items()}),
        feature_lists=tf.train.FeatureLists(feature_list={k: tf.train.FeatureList(feature=[KINDS[k[0]](v) for v in steps]) for k, steps in lists.items()})).SerializeToString()


SEQUENCES = np.array([
    sequence({"f": [1, 2], "i": [-3, 4, 5], "s": [b"x"]}, {"f": [[1, 2], [3, 4]], "i": [[1], [], [2, 3]], "s": [[b"a", b"bc"]]}),
    sequence({"i": [7]}, {"f": [[5, 6]], "s": [[], [b"d"]]}),
    sequence({"f": [8, 9], "s": [b"y", b"z"]}, {"f": [[0, 1], [2, 3], [4, 5]], "i": [[9, 8, 7]]})], dtype=object)
DENSE, DEFAULT = [2], np.float32([-1, -2])


def first_version(x, missing=()):
    return tf.nest.flatten(tf.raw_ops.ParseSequenceExample(
        serialized=x, debug_name=[], context_dense_defaults=[DEFAULT], feature_list_dense_missing_assumed_empty=list(missing),
        context_sparse_keys=["i", "s"], context_dense_keys=["f"], feature_list_sparse_keys=["i"], feature_list_dense_keys=["f", "other"][:1 + len(missing)],
        context_sparse_types=[tf.int64, tf.string], context_dense_shapes=[DENSE], feature_list_sparse_types=[tf.int64],
        feature_list_dense_types=[tf.float32, tf.string][:1 + len(missing)], feature_list_dense_shapes=[DENSE, []][:1 + len(missing)], Ncontext_sparse=2, Ncontext_dense=1,
        Nfeature_list_sparse=1, Nfeature_list_dense=1 + len(missing)))


def second_version(x):
    return tf.nest.flatten(tf.raw_ops.ParseSequenceExampleV2(
        serialized=x, debug_name=[], context_sparse_keys=["i"], context_dense_keys=["f"], context_ragged_keys=["s"], feature_list_sparse_keys=["s"],
        feature_list_dense_keys=["f", "none"], feature_list_ragged_keys=["i"], feature_list_dense_missing_assumed_empty=[False, True],
        context_dense_defaults=[DEFAULT], Ncontext_sparse=1, context_sparse_types=[tf.int64], context_ragged_value_types=[tf.string],
        context_ragged_split_types=[tf.int32], context_dense_shapes=[DENSE], Nfeature_list_sparse=1, Nfeature_list_dense=2,
        feature_list_dense_types=[tf.float32, tf.int64], feature_list_sparse_types=[tf.string], feature_list_ragged_value_types=[tf.int64],
        feature_list_ragged_split_types=[tf.int64], feature_list_dense_shapes=[DENSE, [1, 3]]))


def single(x):
    return tf.nest.flatten(tf.raw_ops.ParseSingleSequenceExample(
        serialized=x, feature_list_dense_missing_assumed_empty=["none"], context_sparse_keys=["i", "s"], context_dense_keys=["f"],
        feature_list_sparse_keys=["i"], feature_list_dense_keys=["f", "none"], context_dense_defaults=[DEFAULT], debug_name="",
        context_sparse_types=[tf.int64, tf.string], feature_list_dense_types=[tf.float32, tf.string], context_dense_shapes=[DENSE],
        feature_list_sparse_types=[tf.int64], feature_list_dense_shapes=[DENSE, []]))


for name, build in (("V1", first_version), ("V2", second_version)):
    add(f"ParseSequenceExample_{name}", build, SEQUENCES)
    if name == "V2":
        add(f"ParseSequenceExample_{name}_scalar", build, np.array(SEQUENCES[0], dtype=object))
    add(f"ParseSequenceExample_{name}_empty", build, np.array([], dtype=object))
    add(f"ParseSequenceExample_{name}_unknown", build, SEQUENCES[:2], unknown="rank")
add("ParseSequenceExample_missing", lambda x: first_version(x, ["other"]), SEQUENCES)
for i in range(3):
    add(f"ParseSingleSequenceExample_{i}", single, np.array(SEQUENCES[i], dtype=object))
