#!/usr/bin/env python3
"""The rate of one large matrix product in each precision, through PyTorch: prints {"fp16": FLOP/s, ...} as JSON.

python3 bench/gpu/peers/products.py [SIZE]     SIZE: 8192
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Callable

import torch

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "tf32": torch.float32, "fp32": torch.float32}


def median_seconds(product: Callable[..., Any], a: torch.Tensor, b: torch.Tensor, repeats: int = 10) -> float:
    """Of one product, timed by events on a GPU."""
    product(a, b)
    times = []
    for _ in range(repeats):
        if a.is_cuda:
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            product(a, b)
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 1e3)
        else:
            begin = time.perf_counter()
            product(a, b)
            times.append(time.perf_counter() - begin)
    return sorted(times)[repeats // 2]


def int8_rates(size: int, device: str) -> dict[str, float]:
    """With int32 sums; none where this PyTorch has no such product here."""
    a, b = (torch.randint(-127, 128, (size, size), device=device, dtype=torch.int8) for _ in range(2))
    try:
        rate = 2 * size**3 / median_seconds(torch._int_mm, a, b.t())
    except (AttributeError, RuntimeError):
        return {}
    return {"int8": rate}


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 8192
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rates = {}
    for name, dtype in DTYPES.items():
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        rates[name] = 2 * size**3 / median_seconds(torch.matmul, a, b)
    rates |= int8_rates(size, device)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
