#!/usr/bin/env python3
"""Fails where docs/malformed-input.md names a test that the sources do not have.

    tests/malformed_input_test.py [ROOT]
"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.M)
NAMED = re.compile(r"`(\w+\.[A-Z]\w+)`")


def main() -> None:
    there = {".".join(m) for path in (ROOT / "tests").rglob("*_test.cc") for m in TEST.findall(path.read_text())}
    rows = [line for line in (ROOT / "docs/malformed-input.md").read_text().splitlines() if line.startswith("|")]
    named = {name for row in rows for name in NAMED.findall(row)}
    missing = sorted(named - there)
    # A row of a table without a test: its header and the line below are the only ones.
    bare = [row for row in rows if not NAMED.search(row) and "| test |" not in row and not row.startswith("|---")]
    for name in missing:
        print(f"no such test: {name}")
    for row in bare:
        print(f"a case without a test: {row}")
    print(f"{len(rows)} rows, {len(named)} tests named, {len(missing)} missing")
    sys.exit(1 if missing or bare or not named else 0)


if __name__ == "__main__":
    main()
