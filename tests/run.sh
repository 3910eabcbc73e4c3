#!/usr/bin/env bash
# Builds everything and runs every test. Ends in "N passed, N failed, N skipped".
#
#   tests/run.sh               release, then the sanitizer builds
#   tests/run.sh --quick       release only
#
# JOBS limits parallel compilation (default: one a core).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs=${JOBS:-$(nproc)}
parts=(release asan tsan)
if [ "${1:-}" = "--quick" ]; then parts=(release); fi

./setup.sh
for part in "${parts[@]}"; do
  echo "== build $part"
  start=$SECONDS
  cmake --preset "$part" >/dev/null
  cmake --build --preset "$part" --parallel "$jobs" | tail -n 1
  echo "built $part in $((SECONDS - start)) s"
done
python3 tests/runner.py "${parts[@]}"
