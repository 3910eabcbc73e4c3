#!/usr/bin/env python3
"""What `moulin graph --tensorboard` writes, read by TensorBoard's own reader: it must hold the graph of the model.

    tests/cli/tensorboard_test.py [MOULIN]

Ends with 77 (skipped) where TensorBoard is not installed.
"""
import os
import subprocess
import sys
import tempfile

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.config_pb2 import RunMetadata  # noqa: F401  (what EventAccumulator gives)
except ImportError:
    print("skipped: TensorBoard is not installed")
    sys.exit(77)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MOULIN = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/release/bin/moulin")


def graph_of(path):
    """The graph of a frozen file or of a SavedModel, whose one MetaGraphDef is field 2, and its graph field 2 of that."""
    graph = GraphDef()
    if not os.path.isdir(path):
        with open(path, "rb") as f:
            graph.ParseFromString(f.read())
        return graph
    with open(os.path.join(path, "saved_model.pb"), "rb") as f:
        graph.ParseFromString(field(field(f.read(), 2), 2))
    return graph


def field(message, number):
    """The first field of that number, which holds bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            varint()
            continue
        assert tag & 7 == 2, "only numbers and bytes are expected here"
        length = varint()
        if tag >> 3 == number:
            return message[at:at + length]
        at += length
    raise ValueError(f"no field {number}")


def check(model):
    with tempfile.TemporaryDirectory() as logdir:
        subprocess.run([MOULIN, "graph", model, "--tensorboard", logdir], check=True, stdout=subprocess.DEVNULL)
        expected = graph_of(model)
        accumulator = EventAccumulator(logdir)
        accumulator.Reload()
        assert accumulator.Graph() == expected, f"{model}: another graph"
        events = list(LegacyEventFileLoader(os.path.join(logdir, os.listdir(logdir)[0])).Load())
        assert events[0].file_version == "brain.Event:2", events[0]
        assert len(events) == 2 and events[1].graph_def, "one event with the graph"
        print(f"{os.path.relpath(model, ROOT)}: {len(expected.node)} nodes, {len(expected.library.function)} functions")


def check_run_metadata(model, *command):
    """The graph, and a run whose nodes are the graph's, with times that add up."""
    with tempfile.TemporaryDirectory() as logdir:
        subprocess.run([MOULIN, *command, model, "--device", "cpu", "--tensorboard", logdir], check=True,
                       stdout=subprocess.DEVNULL)
        accumulator = EventAccumulator(logdir)
        accumulator.Reload()
        graph = graph_of(model)
        assert accumulator.Graph() == graph, f"{model}: another graph"
        tags = accumulator.Tags()["run_metadata"]
        assert tags == ["moulin cpu"], tags
        (device,) = accumulator.RunMetadata(tags[0]).step_stats.dev_stats
        assert device.device == "/device:CPU:0" and device.node_stats, device
        names = {n.name for n in graph.node}
        assert all(n.node_name in names and n.all_end_rel_micros > 0 for n in device.node_stats), device
        starts = [n.all_start_nanos for n in device.node_stats]
        assert starts == sorted(starts), "steps out of order"
        print(f"{command[0]} {os.path.relpath(model, ROOT)}: {len(starts)} steps")


def main():
    digits = os.path.join(ROOT, "samples/models/digit_classifier.pb")
    check_run_metadata(digits, "bench", "--seconds", "0.1", "--profile")
    check_run_metadata(digits, "compare")
    check(os.path.join(ROOT, "samples/models/digit_classifier.pb"))
    check(os.path.join(ROOT, "tests/engine/data/tf2_variables"))
    check(os.path.join(ROOT, "tests/engine/data/tf1_variables"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
