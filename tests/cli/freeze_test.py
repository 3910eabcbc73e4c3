#!/usr/bin/env python3
"""What `moulin freeze` writes, read by TensorFlow: it must give what the variables gave.

    tests/cli/freeze_test.py [MOULIN]

Ends with 77 (skipped) where TensorFlow is not installed.
"""
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
try:
    import tensorflow as tf
except ImportError:
    print("skipped: TensorFlow is not installed")
    sys.exit(77)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MOULIN = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/release/bin/moulin")
DATA = os.path.join(ROOT, "tests/engine/data")
# Source, arguments, and what the one output of the graph is for [[1, 2]].
CASES = [
    ("tf1_variables", [], "y:0", [[7.5, 10.25]]),
    ("tf1_resources", [], "y:0", [[7.5, 10.25]]),
    ("tf1_variables/ckpt/model.meta", ["--outputs", "y"], "y:0", [[7.5, 10.25]]),
    ("tf2_variables", [], None, [[12, 26]]),
    ("tf2_variables", ["--signature", "double"], None, [[34, 98]]),
]


def run(path, output):
    graph_def = tf.compat.v1.GraphDef()
    with open(path, "rb") as f:
        graph_def.ParseFromString(f.read())
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        tf.import_graph_def(graph_def, name="")
        operations = graph.get_operations()
        feed = [o.outputs[0] for o in operations if o.type == "Placeholder"]
        call = [o.outputs[0] for o in operations if o.type.endswith("PartitionedCall")]
        return session.run(output or call[0], {feed[0]: [[1, 2]]}).tolist()


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for source, arguments, output, expected in CASES:
            frozen = os.path.join(folder, "frozen.pb")
            subprocess.run([MOULIN, "freeze", os.path.join(DATA, source), "-o", frozen] + arguments, check=True,
                           stdout=subprocess.DEVNULL)
            found = run(frozen, output)
            if found != expected:
                failures += 1
                print(f"FAILED: {source} {arguments}: expected {expected}, found {found}")
    print(f"{len(CASES) - failures} of {len(CASES)} passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
