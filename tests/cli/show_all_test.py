#!/usr/bin/env python3
"""What `moulin show --all` prints, against saved_model_cli: byte for byte but for the order of sets.

    tests/cli/show_all_test.py [MOULIN [SAVED_MODEL_DIR...]]

The SavedModels are made here; those of the acceptance cases are taken too where they are unpacked, and further ones may
be named. Ends with 77 (skipped) where TensorFlow is not installed.
"""
import contextlib
import glob
import io
import os
import re
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

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MOULIN = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/release/bin/moulin")
DATA = os.path.join(ROOT, "tests/engine/data")


def in_process_of_its_own(work):
    """What `work` returns. saved_model_cli orders by what its process has counted, so each listing starts afresh."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w") as out:
            out.write(work())
            out.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as result:
        text = result.read()
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError("the process has failed")
    return text


def listing_by_tensorflow(path):
    from tensorflow.python.tools import saved_model_cli  # pylint: disable=import-outside-toplevel
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        saved_model_cli._show_all(path)  # pylint: disable=protected-access
    return text.getvalue()


def make_models(folder):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import make_saved_models  # pylint: disable=import-outside-toplevel
    return "\n".join(make_saved_models.make_all(folder).values())


def sorted_sets(text):
    """The sets of ops in order."""
    def in_order(match):
        return match[1] + ", ".join(sorted(match[2].split(", "))) + "}"
    return re.sub(r"(contains the following ops: \{)(.*)\}", in_order, text)


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        paths = in_process_of_its_own(lambda: make_models(folder)).split("\n")
        paths += [os.path.join(DATA, name) for name in sorted(os.listdir(DATA))] + sys.argv[2:]
        paths += sorted(map(os.path.dirname, glob.glob(os.path.join(ROOT, "build/acceptance/real/real/*/*/saved_model.pb"))))
        for path in paths:
            expected = sorted_sets(in_process_of_its_own(lambda: listing_by_tensorflow(path)))
            found = sorted_sets(subprocess.run([MOULIN, "show", path, "--all"], check=True, stdout=subprocess.PIPE,
                                               text=True).stdout)
            if found != expected:
                failures += 1
                lines = zip(expected.split("\n") + [""], found.split("\n") + [""])
                where = next(((i, e, f) for i, (e, f) in enumerate(lines, 1) if e != f), "one is shorter")
                print(f"FAILED: {path}: {where}")
    print(f"{len(paths) - failures} of {len(paths)} passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
