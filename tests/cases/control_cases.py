"""Choices and loops, of TensorFlow 1 (Switch, Merge, Enter, Exit...) and of functions (If, While, Case); lists of tensors."""
import functools

import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, i64

tf1 = tf.compat.v1
raw = tf.raw_ops


def both(name, build, *inputs, **options):
    """Registers a case of either kind."""

    def of_kind(is_v2):
        @functools.wraps(build)
        def run(*args):
            (tf1.enable_control_flow_v2 if is_v2 else tf1.disable_control_flow_v2)()
            try:
                return build(*args)
            finally:
                tf1.enable_control_flow_v2()

        return run

    add(f"{name}_v1", of_kind(False), *inputs, **options)
    add(f"{name}_v2", of_kind(True), *inputs, **options)


# Choices.
for flag in (True, False):
    p = np.bool_(flag)
    both(f"If_{flag}", lambda p, x: tf1.cond(p, lambda: x * 2, lambda: x - 1), p, f32(2, 3))
    both(f"If_several_{flag}", lambda p, x, y: list(tf1.cond(p, lambda: (x + y, tf.constant([1, 2]), y), lambda: (x * y, tf.constant([3, 4]), x))), p, f32(3), f32(3, key=1))
    both(f"If_constants_{flag}", lambda p: tf1.cond(p, lambda: tf.constant(1.5), lambda: tf.constant(-2.5)), p)
    both(f"If_shapes_{flag}", lambda p, x: tf1.cond(p, lambda: x, lambda: tf.concat([x, x], 0)) * 2, p, f32(3, 2))
    both(f"If_nested_{flag}", lambda p, x: tf1.cond(p, lambda: tf1.cond(tf.reduce_sum(x) > 0, lambda: x + 1, lambda: x + 2), lambda: tf1.cond(x[0] > 0, lambda: x * 3, lambda: -x)), p, f32(4))
    both(f"If_then_if_{flag}", lambda p, x: tf1.cond(p, lambda: tf1.cond(p, lambda: x, lambda: -x) * 2, lambda: x * 4) + tf1.cond(tf.logical_not(p), lambda: x, lambda: x * x), p, f32(4))
    both(f"If_after_if_{flag}", lambda p, x: tf1.cond(p, lambda: tf1.cond(p, lambda: x, lambda: -x), lambda: x * 4) * tf1.cond(p, lambda: tf.constant(2.0), lambda: tf.constant(3.0)), p, f32(4))
    add(f"Merge_index_{flag}", lambda x, p: list(raw.Merge(inputs=[tf.identity(v) * k for k, v in zip((2.0, 3.0), raw.Switch(data=x, pred=p))])), f32(3), p)
both("If_known", lambda x: tf1.cond(tf.constant(True), lambda: x * 2, lambda: x - 1), f32(3))
for value in (0, 3):
    add(f"If_by_integer_{value}", lambda n, x: tf.function(lambda n, x: raw.StatelessIf(cond=n, input=[x], Tout=[tf.float32], then_branch=tf.function(lambda x: x + 1, autograph=False).get_concrete_function(tf.TensorSpec([3])), else_branch=tf.function(lambda x: x - 1, autograph=False).get_concrete_function(tf.TensorSpec([3])))[0], autograph=False)(n, x), np.int32(value), f32(3))
for index in (-1, 0, 1, 2, 7):
    both(f"Case_{index}", lambda i, x: tf.switch_case(i, [lambda: x, lambda: x * 2, lambda: tf.square(x)]), np.int32(index), f32(2, 2))

# Loops.
for count in (0, 1, 5):
    n = np.int32(count)
    both(f"While_{count}", lambda n, x: list(tf1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * 1.5 + x), [tf.constant(0), x])), n, f32(2, 3))
    both(f"While_grows_{count}", lambda n, x: tf1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf.concat([y, y[-1:] + 1], 0)), [tf.constant(0), x], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])])[1], n, f32(1, 2))
    both(f"While_nested_{count}", lambda n, x: tf1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf1.while_loop(lambda j, z: j < i, lambda j, z: (j + 1, z + x * tf.cast(i * n, tf.float32)), [tf.constant(0), y])[1] * 0.5), [tf.constant(0), tf.zeros_like(x)])[1], n, f32(2, 2))
    both(f"While_with_if_{count}", lambda n, x: tf1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf1.cond(tf.equal(i % 2, 0), lambda: y + x, lambda: y * 2)), [tf.constant(0), x])[1], n, f32(3))
    both(f"If_with_while_{count}", lambda n, x: tf1.cond(n > 3, lambda: tf1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y + 1), [tf.constant(0), x])[1], lambda: x), n, f32(3))
both("While_by_data", lambda x: tf1.while_loop(lambda y: tf.reduce_max(tf.abs(y)) > 0.1, lambda y: y * 0.5, [x]), f32(4))
both("While_matrix", lambda x, w: tf1.while_loop(lambda i, h: i < 4, lambda i, h: (i + 1, tf.tanh(tf.matmul(h, w))), [tf.constant(0), x])[1], f32(2, 5), f32(5, 5), unknown=True)
both("While_constant_weights", lambda x: tf1.while_loop(lambda i, h: i < 4, lambda i, h: (i + 1, tf.tanh(tf.matmul(h, tf.constant(f32(5, 5))))), [tf.constant(0), x])[1], f32(2, 5), unknown=True)
both("While_swaps", lambda x, y: list(tf1.while_loop(lambda i, a, b: i < 3, lambda i, a, b: (i + 1, b, a + b), [tf.constant(0), x, y])[1:]), f32(3), f32(3, key=1))
both("While_empty", lambda x: tf1.while_loop(lambda i, h: i < 2, lambda i, h: (i + 1, h + 1), [tf.constant(0), x])[1], f32(0, 3))
both("While_of_strings", lambda x: tf1.while_loop(lambda i, s: i < 2, lambda i, s: (i + 1, tf.strings.join([s, s], "-")), [tf.constant(0), x])[1], np.array(["a", "b"], dtype=object))


# Lists and arrays of tensors.
def array_loop(x, n):
    """Squares the rows of x, and sums them up, by arrays."""
    rows = tf1.TensorArray(tf.float32, n, clear_after_read=False).unstack(x)
    results = tf1.TensorArray(tf.float32, n)
    step = lambda i, total, out: (i + 1, total + rows.read(i), out.write(i, rows.read(i) ** 2 + total))
    _, total, results = tf1.while_loop(lambda i, *_: i < n, step, [tf.constant(0), tf.zeros_like(x[0]), results])
    return results.stack(), total


for unknown in (False, True):
    both(f"Array_loop_{unknown}", lambda x: list(array_loop(x, tf.shape(x)[0])), f32(4, 3), unknown=unknown)
both("Array_map", lambda x: tf.map_fn(lambda row: row * 2 + 1, x), f32(3, 2))
both("Array_scan", lambda x: tf.scan(lambda a, row: a * 0.5 + row, x), f32(5, 2))
both("Array_fold", lambda x: tf.foldl(lambda a, row: a * 0.5 + row, x), f32(5, 2))
both("Array_grows", lambda x: tf1.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a.write(i, x + tf.cast(i, tf.float32))), [tf.constant(0), tf1.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[2])])[1].stack(), f32(2))
both("Array_gather", lambda x, i: tf1.TensorArray(tf.float32, 4, clear_after_read=False).unstack(x).gather(i), f32(4, 2), i32([3, 0, 0]))
both("Array_scatter", lambda x, i: tf1.TensorArray(tf.float32, 5, element_shape=[2]).scatter(i, x).stack(), f32(3, 2), i32([4, 0, 2]))
both("Array_concat", lambda x, y: tf1.TensorArray(tf.float32, 2, infer_shape=False, element_shape=[None, 2]).write(0, x).write(1, y).concat(), f32(3, 2), f32(1, 2))
both("Array_split", lambda x: tf1.TensorArray(tf.float32, 3, infer_shape=False).split(x, [2, 0, 3]).read(2), f32(5, 2))
both("Array_size", lambda x: tf1.TensorArray(tf.float32, 4).unstack(x).size(), f32(4, 2))
both("Array_strings", lambda x: tf1.TensorArray(tf.string, 3).unstack(x).read(1), np.array(["a", "b", "c"], dtype=object))
both("Array_read_unwritten", lambda x: tf1.TensorArray(tf.float32, 3, element_shape=[2]).write(1, x).stack(), f32(2))

reserve = lambda n, shape=(2,), t=tf.float32: raw.TensorListReserve(element_shape=np.array(shape, np.int32), num_elements=n, element_dtype=t)
stack = lambda l, shape=(2,), t=tf.float32, n=-1: raw.TensorListStack(input_handle=l, element_shape=np.array(shape, np.int32), element_dtype=t, num_elements=n)
from_rows = lambda x, shape=(2,): raw.TensorListFromTensor(tensor=x, element_shape=np.array(shape, np.int32))
put = lambda l, i, x, **k: raw.TensorListSetItem(input_handle=l, index=i, item=x, **k)
get = lambda l, i, shape=(2,), t=tf.float32: raw.TensorListGetItem(input_handle=l, index=i, element_shape=np.array(shape, np.int32), element_dtype=t)
add("TensorList_set_get", lambda x, i: [get(put(reserve(3), i, x), i), get(put(reserve(3), i, x), 0)], f32(2), np.int32(2))
add("TensorList_unwritten", lambda x: stack(put(reserve(3, (-1,)), 1, x), (-1,)), f32(2))
add("TensorList_rows", lambda x, i: [stack(from_rows(x), n=3), get(from_rows(x, (-1,)), i, (-1,))], f32(3, 2), np.int32(1))
add("TensorList_shared", lambda x: [stack(put(from_rows(x), 0, x[2])), stack(put(put(from_rows(x), 0, x[2]), 1, x[0])), stack(from_rows(x))], f32(3, 2))
add("TensorList_resize", lambda x: [stack(raw.TensorListResize(input_handle=from_rows(x), size=k)) for k in (1, 3, 5)], f32(3, 2))
add("TensorList_shrink_and_grow", lambda x: stack(raw.TensorListResize(input_handle=raw.TensorListResize(input_handle=from_rows(x), size=1), size=3)), f32(3, 2))
add("TensorList_push", lambda x, y: [stack(raw.TensorListPushBack(input_handle=raw.TensorListPushBack(input_handle=raw.EmptyTensorList(element_shape=i32([2]), max_num_elements=-1, element_dtype=tf.float32), tensor=x), tensor=y))], f32(2), f32(2, key=1))
add("TensorList_pop", lambda x: (lambda popped: [popped.tensor, stack(popped.output_handle)])(raw.TensorListPopBack(input_handle=from_rows(x), element_shape=i32([2]), element_dtype=tf.float32)), f32(3, 2))
add("TensorList_length", lambda x: [raw.TensorListLength(input_handle=from_rows(x)), raw.TensorListLength(input_handle=reserve(0))], f32(3, 2))
for t in (tf.int32, tf.int64):
    add(f"TensorList_shape_{t.name}", lambda x, t=t: [raw.TensorListElementShape(input_handle=from_rows(x, s), shape_type=t) for s in ((2,), (-1,))], f32(3, 2))
add("TensorList_gather", lambda x, i: raw.TensorListGather(input_handle=from_rows(x), indices=i, element_shape=i32([2]), element_dtype=tf.float32), f32(3, 2), i32([2, 2, 0]))
add("TensorList_scatter", lambda x, i: stack(raw.TensorListScatter(tensor=x, indices=i, element_shape=i32([2]))), f32(3, 2), i32([2, 1, 0]))
for n in (-1, 5):
    add(f"TensorList_scatter_{n}", lambda x, i, n=n: stack(raw.TensorListScatterV2(tensor=x, indices=i, element_shape=i32([2]), num_elements=n)), f32(3, 2), i32([2, 1, 0]))
add("TensorList_scatter_into", lambda x, y, i: stack(raw.TensorListScatterIntoExistingList(input_handle=from_rows(x), tensor=y, indices=i)), f32(4, 2), f32(2, 2, key=1), i32([3, 1]))
add("TensorList_concat", lambda x: list(raw.TensorListConcatV2(input_handle=raw.TensorListSplit(tensor=x, element_shape=i32([-1, 2]), lengths=i64([2, 0, 3])), element_shape=i32([-1, 2]), leading_dims=i64([]), element_dtype=tf.float32)), f32(5, 2))
add("TensorList_concat_v1", lambda x: list(raw.TensorListConcat(input_handle=raw.TensorListSplit(tensor=x, element_shape=i32([-1, 2]), lengths=i64([2, 0, 3])), element_dtype=tf.float32, element_shape=[None, 2])), f32(5, 2))
for t in ("f64", "f16", "bf16", "i8", "bool", "c64"):
    add(f"TensorList_{t}", lambda x: stack(put(from_rows(x), 1, x[0]), t=x.dtype), draw(t, (3, 2)))
add("TensorList_scalars", lambda x: stack(put(from_rows(x, ()), 1, x[0]), ()), f32(3))
add("TensorList_grows", lambda x: stack(put(reserve(1), 3, x, resize_if_index_out_of_bounds=True)), f32(2))

# A choice among more than two, as TensorFlow lowers Case to nodes; and several results of one choice.


def _lowered(build):
    """The build's functional control flow as Switch, Merge, Enter... nodes."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def run(*args):
        function = tf.function(build, autograph=False)
        concrete = function.get_concrete_function(*[tf.TensorSpec(a.shape, a.dtype) for a in args])
        graph_def = convert_variables_to_constants_v2(concrete, lower_control_flow=True).graph.as_graph_def()
        names = [n.name for n in graph_def.node if n.op == "Placeholder"]
        result = concrete.structured_outputs
        fetch = [t.name for t in (result if isinstance(result, (list, tuple)) else [result])]
        return tf1.import_graph_def(graph_def, dict(zip(names, args)), fetch, name="")

    return run


for index in (-1, 0, 1, 2, 5):
    add(f"SwitchN_{index}", _lowered(lambda i, x: tf.switch_case(i, [lambda: x + 1, lambda: x * 2, lambda: tf.reduce_sum(x) * x])), np.int32(index), f32(3))
for flag in (True, False):
    both(f"If_shares_{flag}", lambda p, x: list(tf1.cond(p, lambda: (tf.exp(x) + 1, tf.exp(x) * 2, -tf.exp(x)), lambda: (x, x + 1, x + 2))), np.bool_(flag), f32(3))


# Arrays of the versions before TensorFlow 1.0, which no longer makes them: the third version's graph in their terms.
def older(version):
    """Arrays whose handle is text, and whose flow begins as a constant."""

    def rewrite(graph_def):
        arrays = [n.name for n in graph_def.node if n.op == "TensorArrayV3"]
        handles = {*arrays}
        for node in graph_def.node:
            if node.op in ("Enter", "Switch", "Identity") and node.input[0] in handles:
                handles.add(node.name)
                node.attr["T"].type = tf.string.as_datatype_enum
            for k, name in enumerate(node.input):
                if name.removesuffix(":1") in arrays and name.endswith(":1"):
                    node.input[k] = name[:-2] + "/flow"
            if node.op.startswith("TensorArray"):
                node.op = node.op.removesuffix("V3") + version
        for name in arrays:
            flow = graph_def.node.add(name=name + "/flow", op="Const")
            flow.attr["dtype"].type = tf.float32.as_datatype_enum
            flow.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.float32(0)))

    return rewrite


def _v1(build):
    def run(*args):
        tf1.disable_control_flow_v2()
        try:
            return build(*args)
        finally:
            tf1.enable_control_flow_v2()

    return run


def _packs(version):
    """All elements read and written at once, as the first version's own ops do."""

    def rewrite(graph_def):
        older(version)(graph_def)
        for node in graph_def.node:
            if node.op.startswith("TensorArrayGather"):
                node.op = "TensorArrayPack"
                del node.input[1]
            if node.op.startswith("TensorArrayScatter"):
                node.op = "TensorArrayUnpack"
                del node.input[1]

    return rewrite


def _closed(x):
    array = tf1.TensorArray(tf.float32, 4).unstack(x)
    y = array.read(2)
    with tf.control_dependencies([array.close()]):
        return tf.identity(y)


for version in ("", "V2"):
    for unknown in (False, True):
        add(f"TensorArray{version}_loop_{unknown}", _v1(lambda x: list(array_loop(x, tf.shape(x)[0]))), f32(4, 3), unknown=unknown, rewrite=older(version))
    add(f"TensorArray{version}_concat", _v1(lambda x, y: tf1.TensorArray(tf.float32, 2, infer_shape=False, element_shape=[None, 2]).write(0, x).write(1, y).concat()), f32(3, 2), f32(1, 2), rewrite=older(version))
    add(f"TensorArray{version}_split", _v1(lambda x: tf1.TensorArray(tf.float32, 3, infer_shape=False).split(x, [2, 0, 3]).read(2)), f32(5, 2), rewrite=older(version))
    add(f"TensorArray{version}_grown_size", _v1(lambda x: tf1.TensorArray(tf.float32, 0, dynamic_size=True).unstack(x).size()), f32(4, 2), rewrite=older(version))
    add(f"TensorArray{version}_close", _v1(_closed), f32(4, 2), rewrite=older(version))
add("TensorArray_packs", _v1(lambda x: list(array_loop(x, 4))), f32(4, 3), rewrite=_packs(""))
add("TensorArrayV3_close", _v1(_closed), f32(4, 2))
add("TensorListConcatLists", lambda x, y: stack(raw.TensorListConcatLists(input_a=from_rows(x), input_b=from_rows(y), element_dtype=tf.float32)), f32(3, 2), f32(2, 2, key="y"))


# Choices whose branches also give what gradients would take.
def _cond_with_gradients(p, x):
    y = tf1.cond(p, lambda: tf.sin(x) * 2.0, lambda: x - 1.0)
    tf1.gradients(y, x)
    return y


for flag in (True, False):
    add(f"OptionalFromValue_{flag}", _cond_with_gradients, np.bool_(flag), f32(3))
