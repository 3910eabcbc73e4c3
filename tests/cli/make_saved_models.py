"""SavedModels with every kind of argument, variable and table, made by TensorFlow for the tests beside this file."""
import collections
import os

import tensorflow as tf

tf1 = tf.compat.v1
Pair = collections.namedtuple("Pair", "a b")


class Arguments(tf.Module):
    """Functions whose traces tell apart how saved_model_cli writes arguments, and in which order it lists them."""

    def __init__(self):
        super().__init__()
        self.v = tf.Variable([1.0, 2.0])
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)

    @tf.function
    def scale(self, x, training=False, factor=1.5, name="abc", n=3, none=None):
        return x * self.v[0] * factor if training else x + self.v[1]

    @tf.function
    def nested(self, xs, d):
        return xs[0] + xs[1] + d["only"]

    @tf.function
    def deep(self, xs):
        return xs[0][0] + xs[1]["k"]

    @tf.function
    def keyword(self, x, *, y):
        return x + y

    @tf.function(input_signature=[tf.TensorSpec([2, None], tf.float64), tf.TensorSpec(None, tf.int32)])
    def declared(self, a, b):
        return a * 2

    @tf.function
    def several(self, *xs):
        return tf.add_n(xs)

    @tf.function
    def typed(self, x):
        return tf.cast(x, tf.int32)

    @tf.function
    def nothing(self):
        return self.v * 2

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.float32)])
    def ragged(self, r):
        return r.to_tensor()

    @tf.function(input_signature=[tf.SparseTensorSpec([None, None], tf.float32)])
    def sparse(self, s):
        return tf.sparse.to_dense(s)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
    def look_up(self, words):
        return self.table.lookup(words)

    @tf.function
    def untraced(self, x):
        return x


def arguments(path):
    m = Arguments()
    for shape in ([], [3], [2, 3], [1, 1], [4], [5], [6], [7], [8], [9], [10], [11]):
        m.scale(tf.zeros(shape))
    m.scale(tf.zeros([3]), True)
    m.scale(tf.zeros([3]), training=True, factor=0.1, name="it's")
    m.scale(tf.zeros([3]), n=-7, factor=1e20)
    m.scale(tf.zeros([3]), factor=1e-7)
    m.scale(tf.zeros([3]), factor=123456789.125)
    m.scale(tf.zeros([3]), factor=0.0001)
    two, one = tf.zeros([2]), {"only": tf.zeros([])}
    m.nested([two, two], one)
    m.nested((two, two), one)
    m.nested(Pair(two, two), one)
    m.nested([two, 2.5], {"only": 1})
    m.deep([[two, "x"], {"k": two}])
    m.deep([(two,), {"k": two}])
    m.deep([Pair(two, None), {"k": two}])
    m.keyword(two, y=two)
    m.several(two, two)
    for dtype in (tf.bfloat16, tf.half, tf.uint8, tf.int64, tf.bool):
        m.typed(tf.cast(tf.zeros([1]), dtype))
    m.nothing()
    m.bare = m.typed.get_concrete_function(tf.TensorSpec([None], tf.int16, name="q"))
    m.wrapped = tf1.wrap_function(lambda p, q: p + q, [tf.TensorSpec([2], tf.float32), tf.TensorSpec([2], tf.float32)])
    signatures = {"look_up": m.look_up, "typed": m.typed.get_concrete_function(tf.TensorSpec([2], tf.float32))}
    tf.saved_model.save(m, path, signatures=signatures)


def empty(path):
    """No functions, no signatures."""
    m = tf.Module()
    m.v = tf.Variable(1.0)
    tf.saved_model.save(m, path)


def tags(path):
    """TensorFlow 1: two graphs, one of them with several signatures, one of unknown rank and one sparse."""
    builder = tf1.saved_model.Builder(path)
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        w = tf1.get_variable("w", [2, 1], use_resource=False, initializer=tf1.ones_initializer())
        y = tf.matmul(x, w, name="y")
        anything = tf1.placeholder(tf.int64, None, name="anything")
        sparse = tf1.sparse_placeholder(tf.float32, [None, 3], name="sparse")
        info = tf1.saved_model.build_tensor_info
        signature = tf1.saved_model.build_signature_def
        session.run(tf1.global_variables_initializer())
        builder.add_meta_graph_and_variables(session, ["serve"], {
            "serving_default": signature({"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict"),
            "odd \u00e9": signature({"a'": info(anything), "s": info(sparse)}, {"y": info(y)}, "")})
        builder.add_meta_graph(["serve", "gpu"], {"r": signature({"inputs": info(x)}, {"outputs": info(y)},
                                                                 "tensorflow/serving/regress")})
    builder.save()


ALL = {"arguments": arguments, "empty": empty, "tags": tags}


def make_all(folder):
    """The directories, by name."""
    paths = {}
    for name, make in ALL.items():
        paths[name] = os.path.join(folder, name)
        make(paths[name])
    return paths
