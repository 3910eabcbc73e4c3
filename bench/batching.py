#!/usr/bin/env python3
"""Times requests of one row that run alone and as joined batches (`moulin bench --join`), in turns.

    bench/batching.py MODEL... [--moulin build/release/bin/moulin] [--concurrency 32] [--join 16] [--rounds 5]
                      [--seconds 2] [--device cpu] [--threads 2]

Prints, for each model, medians over the rounds: rows a second and the latency of half the requests, alone and joined,
and what joining brings as a ratio of one run.
"""
from __future__ import annotations

import argparse
import json
import statistics
import subprocess


def measure(arguments: argparse.Namespace, model: str, join: int) -> tuple[float, float]:
    command = [arguments.moulin, "bench", model, "--mode", "async", "--concurrency", str(arguments.concurrency),
               "--seconds", str(arguments.seconds), "--device", arguments.device, "--threads", str(arguments.threads),
               "--join", str(join), "--json"]
    record = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[0]
    return record["throughput_per_s"], record["latency_ms"]["p50"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--moulin", default="build/release/bin/moulin")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--join", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for model in arguments.models:
        rounds = [(measure(arguments, model, 0), measure(arguments, model, arguments.join))
                  for _ in range(arguments.rounds)]
        alone, joined = ([statistics.median(r[i][k] for r in rounds) for k in (0, 1)] for i in (0, 1))
        ratio = statistics.median(r[1][0] / r[0][0] for r in rounds)
        print(f"{model}: alone {alone[0]:.0f} rows/s, {alone[1]:.2f} ms; "
              f"joined {joined[0]:.0f} rows/s, {joined[1]:.2f} ms; {ratio:.2f} times the rows", flush=True)


if __name__ == "__main__":
    main()
