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
# What each sanitizer is for: memory and undefined behaviour wherever bytes from outside are handled and numbers are
# computed; races where threads meet.
declare -A targets=(
  [release]="all"
  [asan]="moulin moulin_base_test moulin_formats_test moulin_import_test moulin_kernels_test moulin_ops_test
          moulin_passes_test moulin_plan_test moulin_engine_test"
  [tsan]="moulin_device_test moulin_engine_test"
)
if [ "${1:-}" = "--quick" ]; then parts=(release); fi

./setup.sh
for part in "${parts[@]}"; do
  echo "== build $part"
  start=$SECONDS
  log=$(mktemp)
  # shellcheck disable=SC2086  # a list of words
  if ! { cmake --preset "$part" && cmake --build --preset "$part" --parallel "$jobs" --target ${targets[$part]}; } \
    >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "the $part build failed"
    exit 1
  fi
  rm -f "$log"
  echo "built $part in $((SECONDS - start)) s"
done
python3 tests/runner.py "${parts[@]}"
