#!/usr/bin/env python3
"""What `moulin export` writes, loaded by TensorFlow: it answers by its new signatures, and lists as ours does.

    tests/cli/export_test.py [MOULIN]

Ends with 77 (skipped) where TensorFlow is not installed.
"""
import json
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
try:
    import tensorflow as tf
except ImportError:
    print("skipped: TensorFlow is not installed")
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from show_all_test import DATA, MOULIN, listing_by_tensorflow, sorted_sets  # noqa: E402

tf1 = tf.compat.v1


class Tables(tf.Module):
    """Variables, and a table that an initialiser fills."""

    def __init__(self):
        super().__init__()
        self.v = tf.Variable([1.0, 2.0])
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def add(self, x):
        return {"sum": x + self.v}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def look_up(self, words):
        return {"numbers": self.table.lookup(words)}


def frozen(folder):
    path = os.path.join(folder, "frozen.pb")
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None, 2], name="x")
        y = tf.matmul(x, tf.constant([[1.0], [2.0]]), name="y")
        tf.nn.relu(y, name="z")
        tf1.io.write_graph(graph.as_graph_def(), folder, "frozen.pb", as_text=False)
    return path


def export(source, to, *arguments):
    done = subprocess.run([MOULIN, "export", source, "-o", to, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"export failed: {done.stdout}")
    return to


def answer(path, signature, **inputs):
    """By TensorFlow 2's loader, and by TensorFlow 1's; they must agree."""
    loaded = tf.saved_model.load(path)
    outputs = loaded.signatures[signature](**inputs)
    by_name = {key: value.numpy().tolist() for key, value in outputs.items()}
    with tf1.Session(graph=tf.Graph()) as session:
        info = tf1.saved_model.load(session, ["serve"], path).signature_def[signature]
        feeds = {info.inputs[key].name: value.numpy() for key, value in inputs.items()}
        fetched = session.run({key: t.name for key, t in info.outputs.items()}, feeds)
    assert {key: value.tolist() for key, value in fetched.items()} == by_name, (fetched, by_name)
    return by_name


def check(what, found, expected):
    if found != expected:
        print(f"FAILED: {what}: expected {expected}, found {found}")
    return found != expected


def objects_differ(path, signatures, *, signature, inputs):
    """The objects of a module of Tables that was edited: functions, variables and tables are there, the signatures are
    those, and the function behind one of them has the module's variable and not a copy of it."""
    loaded = tf.saved_model.load(path)
    failures = check(f"signatures of {path}", sorted(loaded.signatures), sorted(signatures))
    failures += check(f"a function of {path}", loaded.add(tf.constant([[0.0, 1.0]]))["sum"].numpy().tolist(), [[1.0, 3.0]])
    failures += check(f"a table of {path}", loaded.look_up(tf.constant(["a"]))["numbers"].numpy().tolist(), [1])
    loaded.v.assign([10.0, 20.0])
    (found,) = loaded.signatures[signature](**inputs).values()
    return failures + check(f"a variable of {path}", found.numpy().tolist(), [[10.0, 20.0]])


def listings_differ(path):
    ours = subprocess.run([MOULIN, "show", path, "--all"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return check(f"listing of {path}", sorted_sets(ours), sorted_sets(listing_by_tensorflow(path)))


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        def at(name):
            return os.path.join(folder, name)
        rows = tf.constant([[1.0, 1.0], [-1.0, 0.0]])
        edits = at("edits.json")
        with open(edits, "w", encoding="utf-8") as f:
            json.dump({"signatures": {"both": {"method": "regress", "inputs": {"inputs": "x"},
                                               "outputs": {"y": "y:0", "outputs": "z"}}}}, f)
        one = export(frozen(folder), at("one"), "--in", "a=x", "--out", "b=z", "--signatures", edits)
        failures += check("frozen, default", answer(one, "serving_default", a=rows), {"b": [[3.0], [0.0]]})
        failures += check("frozen, both", answer(one, "both", inputs=rows),
                          {"y": [[3.0], [-1.0]], "outputs": [[3.0], [0.0]]})
        two = export(one, at("two"), "--rename", "both=main", "--remove", "serving_default", "--signature", "inner",
                     "--in", "h=y", "--out", "z=z", "--text")
        failures += check("edited, renamed", answer(two, "main", inputs=rows)["y"], [[3.0], [-1.0]])
        failures += check("edited, fed inside", answer(two, "inner", h=tf.constant([[-5.0], [5.0]])),
                          {"z": [[0.0], [5.0]]})

        module = Tables()
        tf.saved_model.save(module, at("tf2"), signatures={"add": module.add, "look_up": module.look_up})
        kept = export(at("tf2"), at("kept"))
        three = export(at("tf2"), at("three"), "--rename", "add=plus", "--rename", "look_up=find")
        failures += check("TensorFlow 2, unedited", answer(kept, "add", x=rows), {"sum": [[2.0, 3.0], [0.0, 2.0]]})
        failures += check("TensorFlow 2, variables", answer(three, "plus", x=rows), {"sum": [[2.0, 3.0], [0.0, 2.0]]})
        failures += check("TensorFlow 2, a table", answer(three, "find", words=tf.constant(["b", "c"])),
                          {"numbers": [2, -1]})

        zeros = tf.constant([[0.0, 0.0]])
        failures += objects_differ(kept, ["add", "look_up"], signature="add", inputs={"x": zeros})
        failures += objects_differ(three, ["plus", "find"], signature="plus", inputs={"x": zeros})
        added = export(at("tf2"), at("added"), "--remove", "look_up", "--signature", "again", "--in", "rows=add_x",
                       "--out", "s=StatefulPartitionedCall")
        failures += check("TensorFlow 2, added", answer(added, "again", rows=rows), {"s": [[2.0, 3.0], [0.0, 2.0]]})
        failures += objects_differ(added, ["add", "again"], signature="again", inputs={"rows": zeros})
        changed = export(at("tf2"), at("changed"), "--signature", "add", "--in", "z=add_x", "--in", "w=look_up_words",
                         "--out", "n=StatefulPartitionedCall_1", "--out", "s=StatefulPartitionedCall")
        words = tf.constant(["b"])
        failures += check("TensorFlow 2, changed", answer(changed, "add", w=words, z=zeros), {"s": [[1.0, 2.0]], "n": [2]})
        again = at("again")
        tf.saved_model.save(tf.saved_model.load(changed), again)  # what was loaded can be saved
        failures += check("TensorFlow 2, saved again", tf.saved_model.load(again).v.numpy().tolist(), [1.0, 2.0])

        four = export(os.path.join(DATA, "tf1_variables"), at("four"), "--signature", "again", "--in", "x=x", "--out",
                      "y=y")
        failures += check("TensorFlow 1", answer(four, "again", x=tf.constant([[1.0, 2.0]])), {"y": [[7.5, 10.25]]})
        for path in (one, two, kept, three, added, changed, four):
            failures += listings_differ(path)
    print("export: all as expected" if not failures else f"export: {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
