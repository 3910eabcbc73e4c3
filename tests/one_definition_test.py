#!/usr/bin/env python3
"""Fails where two types of one namespace have the same name: programs link both, and the language lets the linker take
either's inline functions.

    tests/one_definition_test.py [ROOT]
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
NAMESPACE = re.compile(r"^(?:inline )?namespace\s*([\w:]*) \{")
# At the margin, where types are that are not within another; "A<int>" is a specialisation, "A::B" belongs to A.
TYPE = re.compile(r"^(?:enum class|enum|struct|class|union) (?:alignas\([^)]*\) )?(\w+)(?: final)?(?: :[^;]*)? \{")


def definitions(file: Path):
    """(qualified name, line) of each type that other files could collide with."""
    namespaces = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if found := NAMESPACE.match(line):
            namespaces.append(found[1])
        elif line.startswith("}  // namespace"):
            namespaces.pop()
        elif (found := TYPE.match(line)) and "" not in namespaces:  # "" is the anonymous one: a file's own
            yield "::".join([*namespaces, found[1]]), number


def main() -> int:
    places = defaultdict(list)
    for folder in ("include", "src", "cuda"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".h", ".cc", ".cu"):
                for name, line in definitions(file):
                    places[name].append(f"{file.relative_to(ROOT)}:{line}")
    clashes = {name: at for name, at in places.items() if len(at) > 1}
    for name, at in sorted(clashes.items()):
        print(f"{name} is defined more than once: {', '.join(at)}")
    return 1 if clashes else 0


if __name__ == "__main__":
    sys.exit(main())
