#!/usr/bin/env python3
"""Times loops of many small steps on the cpu device and in TensorFlow, in one run.

    .venv/bin/python bench/loops.py [--moulin build/release/bin/moulin] [--steps 10000] [--rounds 5]

Four graphs: a loop over a vector of four (multiply, add), and one that also writes each step's vector to an array;
each as TensorFlow 1 writes it (Enter, Exit...) and as TensorFlow 2 does (While). Prints milliseconds a run, the best of
the rounds of either, taken in turns, and their ratio.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1


def plain(n, x):
    return tf1.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * 0.999 + x), [tf.constant(0), tf.zeros_like(x)])[1]


def with_array(n, x):
    step = lambda i, y, out: (i + 1, tf.tanh(y * 0.999 + x), out.write(i, y))
    start = [tf.constant(0), tf.zeros_like(x), tf1.TensorArray(tf.float32, n, element_shape=[4])]
    _, y, out = tf1.while_loop(lambda i, *_: i < n, step, start)
    return y + tf.reduce_sum(out.stack(), 0)


def build(make, is_v2: bool):
    (tf1.enable_control_flow_v2 if is_v2 else tf1.disable_control_flow_v2)()
    with tf1.Graph().as_default() as graph:
        n, x = tf1.placeholder(tf.int32, [], name="n"), tf1.placeholder(tf.float32, [4], name="x")
        out = tf.identity(make(n, x), name="out")
    return graph, {n: None, x: None}, out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--moulin", default="build/release/bin/moulin")
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    values = {"n": np.int32(args.steps), "x": np.ones(4, np.float32)}
    print(f"{'loop':16} {'TensorFlow ms':>14} {'Moulin ms':>10} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as work:
        inputs = Path(work, "in.npz")
        np.savez(inputs, **values)
        for name, make in (("plain", plain), ("with array", with_array)):
            for is_v2 in (False, True):
                graph, feeds, out = build(make, is_v2)
                model = Path(work, "model.pb")
                model.write_bytes(graph.as_graph_def().SerializeToString())
                theirs, ours = [], []
                with tf1.Session(graph=graph) as session:
                    feed = {t: values[t.op.name] for t in feeds}
                    session.run(out, feed)
                    for _ in range(args.rounds):
                        start = time.perf_counter()
                        session.run(out, feed)
                        theirs.append(1e3 * (time.perf_counter() - start))
                        run = subprocess.run([args.moulin, "bench", str(model), "--device", "cpu", "--inputs", str(inputs),
                                              "--seconds", "0.5", "--json"], capture_output=True, text=True, check=True)
                        ours.append(json.loads(run.stdout)[0]["latency_ms"]["p50"])
                label = f"{name}, {'While' if is_v2 else 'Enter'}"
                print(f"{label:16} {min(theirs):14.1f} {min(ours):10.1f} {min(ours) / min(theirs):6.2f}")


if __name__ == "__main__":
    main()
