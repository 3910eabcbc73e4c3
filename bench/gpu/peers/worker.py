#!/usr/bin/env python3
"""One peer in a process of its own: prepares a model, then measures a block for each line it is sent.

    python3 bench/gpu/peers/worker.py xla|torch|torch_compile MODEL BATCH PRECISION OUTPUTS.npz

First prints {"ready": ...}, after writing what the model gives on the first input set. Lines of the standard input are
"device SECONDS", "sync 1 SECONDS" or "async DEPTH SECONDS"; each is answered by one line of JSON. A process of its own
keeps a peer that fails, hangs or takes the whole device's memory away from the rest.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from graph.program import read_program
from inputs import input_sets


def make_peer(kind: str, model: Path, batch: int, precision: str) -> Any:
    """The peer of that name. Each imports its own library alone."""
    if kind == "xla":
        from peers.jax_peer import JaxPeer

        return JaxPeer(read_program(model, batch), precision)
    from peers.torch_peer import TorchPeer

    return TorchPeer(read_program(model, batch, raised=True), precision, compiled=kind == "torch_compile")


def latency(times: list[float]) -> dict[str, Any]:
    """Percentiles in milliseconds."""
    return {"latency_ms": {f"p{p}": float(np.percentile(times, p)) * 1e3 for p in (50, 90, 99)}, "requests": len(times)}


def answer(peer: Any, sets: list[list[np.ndarray]], command: str) -> dict[str, Any]:
    """Measures one block."""
    mode, *numbers = command.split()
    if mode == "device":
        return {"seconds_per_batch": peer.device_block(sets, float(numbers[0]))}
    if mode == "sync":
        return latency(peer.latency_block(sets, float(numbers[1])))
    if mode == "async":
        return {"seconds_per_batch": peer.throughput_block(sets, float(numbers[1]), int(numbers[0]))}
    raise ValueError(f"unknown command {command!r}")


def main() -> None:
    kind, model, batch, precision, outputs = sys.argv[1:6]
    start = time.perf_counter()
    peer = make_peer(kind, Path(model), int(batch), precision)
    sets = [[inputs[n] for n in peer.program.inputs] for inputs in input_sets(Path(model), int(batch))]
    np.savez(outputs, **dict(zip(peer.program.outputs, peer.run(sets[0]))))
    print(json.dumps({"ready": kind, "seconds": time.perf_counter() - start}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(peer, sets, line)), flush=True)


if __name__ == "__main__":
    main()
