#!/usr/bin/env python3
"""Times the way from a file to the first answer, and its peak memory, beside TensorFlow, OpenVINO and ONNX Runtime.

    PYTHON bench/loading.py CASE... [--moulin build/release/bin/moulin] [--rounds 5] [--threads 2] [--work DIR]

PYTHON has tensorflow-cpu, openvino, onnxruntime and tf2onnx. A CASE is a folder with meta.json, a frozen model.pb and
inputs.npz, as golden cases have; a SavedModel whose weights are variables is made of it first, in DIR, and an ONNX file for
ONNX Runtime. Every measurement is a process of its own, the contenders take turns, files are in the page cache. Of Moulin the whole
process counts, start and end, inputs and outputs; of the others what comes behind the import of their Python module, and
no conversion. Prints medians: seconds, seconds of all threads (which a busy machine changes less), each also as a multiple of
the best of the others; and the peak of the process's resident memory: what that is above the process without a model (for
Moulin, that of `moulin --version`; for the others, behind the import), also as a multiple of the weights, and in all.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

PEERS = ("tensorflow", "openvino", "onnxruntime")


def status_kb(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def first_answer_tensorflow(case: dict, path: str, threads: int, inputs: dict):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    yield
    if os.path.isdir(path):
        model = tf.saved_model.load(path)
        outputs = model.signatures["serving_default"](**{n: tf.constant(v) for n, v in inputs.items()})
        yield [v.numpy() for v in outputs.values()]
    graph_def = tf.compat.v1.GraphDef.FromString(Path(path).read_bytes())
    with tf.compat.v1.Session(graph=tf.Graph()) as session:  # faster to load than a function, and takes less memory
        tf.import_graph_def(graph_def, name="")
        yield session.run([t["tensor"] for t in case["outputs"]],
                          {t["tensor"]: inputs[t["name"]] for t in case["inputs"]})


def first_answer_openvino(case: dict, path: str, threads: int, inputs: dict):
    import openvino as ov

    yield
    core = ov.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"})
    key = {t["name"]: t["tensor"] for t in case["inputs"]} if not os.path.isdir(path) else {n: n for n in inputs}
    yield list(compiled({key[n]: v for n, v in inputs.items()}).values())


def first_answer_onnxruntime(case: dict, path: str, threads: int, inputs: dict):
    import onnxruntime as ort

    yield
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    yield session.run(None, {t["tensor"]: inputs[t["name"]] for t in case["inputs"]})


def worker(kind: str, folder: str, path: str, threads: int) -> None:
    case = json.loads((Path(folder) / "meta.json").read_text())
    inputs = first_rows(Path(folder))
    steps = globals()["first_answer_" + kind](case, path, threads, inputs)
    next(steps)
    base = status_kb("VmRSS")
    start, cpu = time.perf_counter(), time.process_time()
    next(steps)
    print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu,
                      "peak_mb": status_kb("VmHWM") / 1024, "base_mb": base / 1024}))


def first_rows(folder: Path) -> dict:
    return {name: np.ascontiguousarray(value[:1]) for name, value in np.load(folder / "inputs.npz").items()}


def run_worker(kind: str, folder: Path, path: str, threads: int) -> dict:
    command = [sys.executable, __file__, "--worker", kind, str(folder), path, "--threads", str(threads)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


# Starts a process and tells what it took. A process's peak of memory counts from before its program is loaded, when it
# is a copy of its parent; so its parent is this, in a Python without modules.
STARTER = """
import os, sys, time
start = time.perf_counter()
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(pid, 0)
print(status, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def run_process(command: list[str]) -> dict:
    starter = [sys.executable, "-I", "-S", "-c", STARTER, *command]
    out = subprocess.run(starter, check=True, capture_output=True, text=True).stdout
    status, seconds, cpu, peak_mb = map(float, out.split())
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: status {status:.0f}")
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb}


def run_moulin(moulin: str, path: str, threads: int, inputs: Path) -> dict:
    """All of a process: its start, reading the inputs and writing the outputs are counted."""
    base = run_process([moulin, "--version"])["peak_mb"]
    return run_process([moulin, "run", path, "--device", "cpu", "--threads", str(threads), "--inputs", str(inputs),
                        "--outputs", str(inputs.with_name("outputs.npz"))]) | {"base_mb": base}


def make_saved_model(case: dict, frozen: Path, target: Path) -> None:
    """The frozen graph with its large constants as variables."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    graph_def = tf1.GraphDef.FromString(frozen.read_bytes())
    with tf1.Graph().as_default(), tf1.Session() as session:
        variables = {}
        for node in graph_def.node:
            value = node.attr["value"].tensor if node.op == "Const" else None
            if value is None or value.dtype != tf.float32.as_datatype_enum or len(value.tensor_content) < 1024:
                continue
            array = tf.make_ndarray(value)
            variables[node.name] = (tf1.get_variable(f"v{len(variables)}", array.shape, use_resource=True), array)
        stay = [node for node in graph_def.node if node.name not in variables]
        del graph_def.node[:]
        graph_def.node.extend(stay)
        with tf1.name_scope("weights"):
            values = {f"{name}:0": variable.read_value() for name, (variable, _) in variables.items()}
        tf.import_graph_def(graph_def, name="", input_map=values)
        for variable, array in variables.values():
            variable.load(array, session)
        tensor = session.graph.get_tensor_by_name
        tf1.saved_model.simple_save(session, str(target), {t["name"]: tensor(t["tensor"]) for t in case["inputs"]},
                                    {t["name"]: tensor(t["tensor"]) for t in case["outputs"]})


def make_onnx(case: dict, frozen: Path, target: Path) -> None:
    import tensorflow as tf
    import tf2onnx

    graph_def = tf.compat.v1.GraphDef.FromString(frozen.read_bytes())
    model, _ = tf2onnx.convert.from_graph_def(graph_def, input_names=[t["tensor"] for t in case["inputs"]],
                                              output_names=[t["tensor"] for t in case["outputs"]], opset=18)
    target.write_bytes(model.SerializeToString())


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    case = json.loads((folder / "meta.json").read_text())
    work = Path(arguments.work) / folder.name
    work.mkdir(parents=True, exist_ok=True)
    frozen, saved, onnx = folder / case["path"], work / "saved_model", work / "model.onnx"
    for target, make in ((saved, make_saved_model), (onnx, make_onnx)):
        if not target.exists():
            subprocess.run([sys.executable, __file__, "--make", make.__name__, str(folder), str(target)], check=True)
    inputs = work / "inputs.npz"
    np.savez(inputs, **first_rows(folder))
    weights_mb = frozen.stat().st_size / 2**20
    for form, path in (("frozen", frozen), ("SavedModel", saved)):
        contenders = {"moulin": lambda: run_moulin(arguments.moulin, str(path), arguments.threads, inputs)}
        for kind in PEERS:
            file = str(onnx if kind == "onnxruntime" else path)
            contenders[kind] = lambda kind=kind, file=file: run_worker(kind, folder, file, arguments.threads)
        results: dict = {name: [] for name in contenders}
        for _ in range(arguments.rounds):
            for name, run in contenders.items():
                results[name].append(run())
        median = {(name, key): statistics.median(r[key] for r in rs)
                  for name, rs in results.items() for key in ("seconds", "cpu", "peak_mb", "base_mb")}
        fastest = {key: min(median[k, key] for k in PEERS) for key in ("seconds", "cpu")}
        print(f"{folder.name}, {form}, {weights_mb:.0f} MiB")
        for name in contenders:
            seconds, cpu, peak, base = (median[name, key] for key in ("seconds", "cpu", "peak_mb", "base_mb"))
            print(f"  {name:12} {seconds:7.3f} s ({seconds / fastest['seconds']:4.2f})  "
                  f"{cpu:7.3f} s of CPU ({cpu / fastest['cpu']:4.2f})  "
                  f"memory {peak - base:5.0f} MiB ({(peak - base) / weights_mb:5.2f} of the weights), {peak:5.0f} in all",
                  flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", type=Path)
    parser.add_argument("--moulin", default="build/release/bin/moulin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", default="build/loading")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(*arguments.worker, arguments.threads)
    elif arguments.make:
        make, folder, target = arguments.make
        case = json.loads((Path(folder) / "meta.json").read_text())
        globals()[make](case, Path(folder) / case["path"], Path(target))
    else:
        for folder in arguments.cases:
            measure(folder, arguments)


if __name__ == "__main__":
    main()
