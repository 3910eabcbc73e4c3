#!/usr/bin/env python3
"""Fails where a source file includes one of a folder that it must not know (docs/architecture.md).

    tests/include_direction_test.py [ROOT]
"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)

# A folder may include itself, the public headers, and the folders named here.
ALLOWED = {
    "moulin": set(),  # the public headers stand alone
    "base": set(),
    "ir": {"base"},
    "kernels": {"base", "ir"},
    "ops": {"base", "ir", "kernels"},
    "formats": {"base", "proto"},
    "import": {"base", "ir", "ops", "formats", "proto"},
    "passes": {"base", "ir", "ops"},
    "plan": {"base", "ir", "ops"},
    "device": {"base", "ir", "kernels", "ops", "plan"},
    # The plugin: host code and kernels. The interface of the device and what lies below it.
    "cuda": {"base", "ir", "kernels", "ops", "plan", "device"},
    "engine": {"base", "ir", "ops", "formats", "proto", "import", "passes", "plan", "device"},
    # The command line is a face: the public headers, files of arrays and graphs, and the engine's tools for developers.
    "cli": {"base", "ir", "formats", "proto", "import", "engine"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def folder_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return {"include": "moulin", "cuda": "cuda"}.get(relative.parts[0], relative.parts[1])


def violations(path: Path) -> list[str]:
    own = folder_of(path)
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        target = match.group(1).split("/")[0] if match else None
        if target in ALLOWED.keys() | {"proto"} and target not in ALLOWED[own] | {own, "moulin"}:
            found.append(f"{path.relative_to(ROOT)}:{number}: {own} must not include {match.group(1)}")
    return found


def main() -> None:
    files = [p for top in ("include", "src", "cuda") for p in sorted((ROOT / top).rglob("*"))
             if p.suffix in (".h", ".cc", ".cu")]
    unknown = sorted({folder_of(p) for p in files} - ALLOWED.keys())
    found = [f"folder without a row in the table: {f}" for f in unknown]
    found += [v for p in files if folder_of(p) in ALLOWED for v in violations(p)]
    print("\n".join(found))
    print(f"{len(files)} files, {len(found)} includes against the direction")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
