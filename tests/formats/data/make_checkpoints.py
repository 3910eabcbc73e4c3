#!/usr/bin/env python3
"""Makes the checkpoints beside this file, and the SavedModels of tests/engine/data, with TensorFlow.

    .venv/bin/python tests/formats/data/make_checkpoints.py

The tests say what is in them. They are committed, so that tests need no TensorFlow.
"""
import os
import pathlib
import shutil
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

HERE = pathlib.Path(__file__).parent
ENGINE = HERE.parent.parent / "engine" / "data"


def save(prefix, tensors):
    """Saves {name: value} or {name: (shape and slice, value)} as a graph's saver does."""
    names, slices, values = [], [], []
    for name, value in tensors:
        slice_spec, value = value if isinstance(value, tuple) else ("", value)
        names.append(name)
        slices.append(slice_spec)
        values.append(tf.convert_to_tensor(value))
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=slices, tensors=values)


def make_types():
    count = [0, 1, 2, 100]
    tensors = [(name, tf.constant(count, dtype)) for name, dtype in [
        ("float32", tf.float32), ("float64", tf.float64), ("float16", tf.float16), ("bfloat16", tf.bfloat16),
        ("int8", tf.int8), ("int16", tf.int16), ("int32", tf.int32), ("int64", tf.int64), ("uint8", tf.uint8),
        ("uint16", tf.uint16), ("uint32", tf.uint32), ("uint64", tf.uint64), ("complex64", tf.complex64),
        ("complex128", tf.complex128)]]
    tensors += [
        ("bool", tf.constant([True, False, True])),
        ("quint8", tf.bitcast(tf.constant([1, 2, 255], tf.uint8), tf.quint8)),
        ("string", tf.constant([["", "a"], ["two\0words", "x" * 300]])),
        ("scalar", tf.constant(2.5)),
        ("empty", tf.zeros([0, 3])),
        ("matrix", tf.constant([[1., 2., 3.], [4., 5., 6.]])),
    ]
    save(HERE / "types", tensors)


def make_sliced():
    rows = np.arange(40, dtype=np.float32).reshape(10, 4)
    blocks = np.arange(600, dtype=np.int32).reshape(3, 200)
    words = np.array([[b"a", b"bb"], [b"ccc", b"dddd"]])
    save(HERE / "sliced", [
        ("rows", ("10 4 0,3:-", rows[0:3])),
        ("rows", ("10 4 3,3:-", rows[3:6])),
        ("rows", ("10 4 6,4:-", rows[6:10])),
        ("blocks", ("3 200 0,3:0,70", blocks[:, :70])),  # numbers in keys of one, two and three bytes
        ("blocks", ("3 200 0,3:70,130", blocks[:, 70:])),
        ("words", ("2 2 -:0,1", words[:, :1])),
        ("words", ("2 2 -:1,1", words[:, 1:])),
        ("whole", rows[0]),
    ])


def make_sharded():
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for i in range(3):
            parts.append(f"{folder}/part{i}")
            save(parts[-1], [(f"shard{i}/w", np.full([2, 2], i + 0.5, np.float32)), (f"shard{i}/s", f"words of {i}")])
        tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(HERE / "sharded"))


class Net(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable([[1., 2.], [3., 4.]], name="my_kernel")
        self.layers = [tf.Variable([0.5], name="first"), tf.Variable([1.5], name="second")]


def make_manager():
    folder = HERE / "manager"
    shutil.rmtree(folder, ignore_errors=True)
    step = tf.Variable(0, dtype=tf.int64, name="step")
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(net=Net(), step=step), str(folder), max_to_keep=2)
    for i in range(3):
        step.assign(10 * (i + 1))
        manager.save()


def make_v1():
    tf.raw_ops.Save(filename=str(HERE / "v1"), tensor_names=["w", "step"],
                    data=[tf.constant([[1., 2.]]), tf.constant(3, tf.int64)])
    count = [0, 1, 2, 100]
    tensors = {t: tf.constant(count, t) for t in ["float32", "float64", "float16", "int8", "int16", "int32",
                                                   "int64", "uint8", "complex64", "complex128"]}
    tensors |= {"bool": tf.constant([True, False, True]), "string": tf.constant([["", "a"], ["two\0words", "x" * 300]]),
                "quint8": tf.bitcast(tf.constant([1, 2, 255], tf.uint8), tf.quint8), "empty": tf.zeros([0, 3])}
    tf.raw_ops.Save(filename=str(HERE / "v1_types"), tensor_names=list(tensors), data=list(tensors.values()))
    # A partitioned variable across two files.
    rows = tf.reshape(tf.range(40.), [10, 4])
    for i, slices in enumerate([[(0, 3), (3, 3)], [(6, 4)]]):
        tf.raw_ops.SaveSlices(
            filename=str(HERE / f"v1_sliced-0000{i}-of-00002"), tensor_names=["rows"] * len(slices),
            shapes_and_slices=[f"10 4 {start},{length}:-" for start, length in slices],
            data=[rows[start:start + length] for start, length in slices])


class Affine(tf.Module):
    def __init__(self):
        super().__init__()
        self.scale = tf.Variable([2., 3.], name="twin")  # equal names: only the objects tell them apart
        self.offset = tf.Variable([10., 20.], name="twin")

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": x * self.scale + self.offset}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def double(self, x):
        return {"y": self(self(x)["y"])["y"]}


def make_tf2_model():
    folder = ENGINE / "tf2_variables"
    shutil.rmtree(folder, ignore_errors=True)
    model = Affine()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.__call__, "double": model.double})
    shutil.rmtree(folder / "assets", ignore_errors=True)
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def make_tf1_model(name, use_resource):
    v1 = tf.compat.v1
    folder = ENGINE / name
    shutil.rmtree(folder, ignore_errors=True)
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], name="x")
        with v1.variable_scope("net", use_resource=use_resource, partitioner=v1.fixed_size_partitioner(2)):
            table = v1.get_variable("table", initializer=tf.constant([[1., 2.], [3., 4.]]))
        with v1.variable_scope("net", use_resource=use_resource):
            bias = v1.get_variable("bias", initializer=tf.constant([0.5, 0.25]))
            unused = v1.get_variable("unused", initializer=tf.zeros([100]))
        y = tf.add(tf.matmul(x, tf.convert_to_tensor(table)), bias, name="y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"x": x}, {"y": y})
        v1.train.Saver().save(session, str(folder / "ckpt" / "model"))
        (folder / "ckpt" / "checkpoint").unlink()  # it holds this folder's whole path
    del unused


if __name__ == "__main__":
    ENGINE.mkdir(exist_ok=True)
    make_types()
    make_sliced()
    make_sharded()
    make_manager()
    make_v1()
    make_tf2_model()
    make_tf1_model("tf1_variables", use_resource=False)
    make_tf1_model("tf1_resources", use_resource=True)
