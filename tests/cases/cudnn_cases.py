"""Recurrent networks of cuDNN. TensorFlow has no kernel for them on the CPU: the answers are those of the same layers
written with other ops, whose graph is then replaced by the one op."""
import numpy as np
import tensorflow as tf

from case import add, f32, i32


def step_lstm(x, h, c, w, r, bw, br):
    i, f, g, o = tf.split(x @ tf.transpose(w) + bw + h @ tf.transpose(r) + br, 4, 1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c


def step_gru(x, h, c, w, r, bw, br):
    xr, xu, xc = tf.split(x @ tf.transpose(w) + bw, 3, 1)
    hr, hu, hc = tf.split(h @ tf.transpose(r) + br, 3, 1)
    reset, update = tf.sigmoid(xr + hr), tf.sigmoid(xu + hu)
    return (1 - update) * tf.tanh(xc + reset * hc) + update * h, c


def step_plain(function):
    return lambda x, h, c, w, r, bw, br: (function(x @ tf.transpose(w) + bw + h @ tf.transpose(r) + br), c)


STEPS = {"lstm": (4, step_lstm), "gru": (3, step_gru), "rnn_tanh": (1, step_plain(tf.tanh)), "rnn_relu": (1, step_plain(tf.nn.relu))}


def read_weights(flat, gates, inputs, units, layers, directions):
    """[w, r, bw, br] for each layer and direction, from the flat tensor."""
    at, result = 0, []

    def take(*shape):
        nonlocal at
        at += int(np.prod(shape))
        return tf.reshape(flat[at - int(np.prod(shape)):at], shape)

    for number in range(layers * directions):
        of = inputs if number < directions else units * directions
        result.append([take(gates * units, of), take(gates * units, units)])
    for entry in result:
        entry += [take(gates * units), take(gates * units)]
    return result


def network(mode, layers, directions, time_major=True):
    gates, step = STEPS[mode]

    def build(x, h, c, flat, *lengths):
        if not time_major:
            x, h, c = [tf.transpose(v, [1, 0, 2]) for v in (x, h, c)]
        weights = read_weights(flat, gates, x.shape[2], h.shape[2], layers, directions)
        last_h, last_c = [], []
        reverse = lambda v: tf.reverse_sequence(v, lengths[0], 0, 1) if lengths else tf.reverse(v, [0])
        for layer in range(layers):
            outputs = []
            for d in range(directions):
                number = layer * directions + d
                hs, cs, each = h[number], c[number], []
                source = reverse(x) if d else x
                for t in range(x.shape[0]):
                    hn, cn = step(source[t], hs, cs, *weights[number])
                    runs = tf.reshape(t < lengths[0], [-1, 1]) if lengths else tf.constant(True)
                    each.append(tf.where(runs, hn, tf.zeros_like(hn)))
                    hs, cs = tf.where(runs, hn, hs), tf.where(runs, cn, cs)
                outputs.append(reverse(tf.stack(each)) if d else tf.stack(each))
                last_h.append(hs)
                last_c.append(cs)
            x = tf.concat(outputs, 2)
        results = [x, tf.stack(last_h)] + ([tf.stack(last_c)] if mode == "lstm" else [])
        return results if time_major else [tf.transpose(v, [1, 0, 2]) for v in results]

    return build


def as_one_op(op, mode, directions, time_major=True):
    def rewrite(graph_def):
        keep = [n for n in graph_def.node if n.op == "Placeholder" or n.name in ("o0", "o1", "o2")]
        node = tf.compat.v1.NodeDef(name="rnn", op=op, input=[n.name for n in keep if n.op == "Placeholder"])
        node.attr["T"].type = tf.float32.as_datatype_enum
        node.attr["rnn_mode"].s = mode.encode()
        node.attr["direction"].s = b"bidirectional" if directions == 2 else b"unidirectional"
        node.attr["is_training"].b = False
        if op == "CudnnRNNV3":
            node.attr["time_major"].b = time_major
        for n in keep:
            if n.op == "Identity":
                n.input[0] = f"rnn:{n.name[1]}"
        del graph_def.node[:]
        graph_def.node.extend([*keep, node])

    return rewrite


def rnn(name, op, mode, layers, directions, lengths=None, time_major=True):
    gates, units, inputs, batch, steps = STEPS[mode][0], 3, 2, 2, 4
    count = sum(gates * units * ((inputs if i == 0 else units * directions) + units + 2) * directions for i in range(layers))
    state = f32(layers * directions, batch, units, low=-1, high=1)
    operands = [f32(steps, batch, inputs), state, state[::-1] * 0.5]
    if not time_major:
        operands = [v.transpose(1, 0, 2).copy() for v in operands]
    operands.append(f32(count, low=-1, high=1))
    if lengths is not None:
        operands.append(i32(lengths))
    add(name, network(mode, layers, directions, time_major), *operands, rewrite=as_one_op(op, mode, directions, time_major))


for mode in STEPS:
    rnn(f"CudnnRNN_{mode}", "CudnnRNN", mode, 1, 1)
    rnn(f"CudnnRNNV2_{mode}_deep", "CudnnRNNV2", mode, 2, 2)
    rnn(f"CudnnRNNV3_{mode}_lengths", "CudnnRNNV3", mode, 1, 2, [4, 2])
rnn("CudnnRNNV3_batch_major", "CudnnRNNV3", "lstm", 1, 1, [3, 4], time_major=False)
