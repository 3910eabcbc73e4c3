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
          moulin_passes_test moulin_plan_test moulin_engine_test moulin_fuzz_graphdef moulin_fuzz_pbtxt
          moulin_fuzz_saved_model moulin_fuzz_checkpoint_index moulin_fuzz_bundle moulin_fuzz_npz moulin_fuzz_import"
  [tsan]="moulin_device_test moulin_engine_test"
)
# Where there is a CUDA toolkit: kernels by the emulator under the first, with a thread each under the second, and the
# device on the stand-in for the CUDA runtime.
declare -A cuda_targets=(
  [release]=""
  [asan]="moulin_cuda_kernels_test moulin_cuda_emulator_test"
  [tsan]="moulin_cuda_device_test moulin_cuda_runtime_test moulin_cuda_emulator_test moulin_cuda_kernels_race_test"
)
if [ "${1:-}" = "--quick" ]; then parts=(release); fi

# build PART
build() {
  local wanted=${targets[$1]}
  if grep -q '^MOULIN_CUDA_FOUND:.*=ON$' "build/$1/CMakeCache.txt"; then wanted+=" ${cuda_targets[$1]}"; fi
  # shellcheck disable=SC2086  # a list of words
  cmake --build --preset "$1" --parallel "$jobs" --target $wanted
}

./setup.sh
for part in "${parts[@]}"; do
  echo "== build $part"
  start=$SECONDS
  log=$(mktemp)
  if ! { cmake --preset "$part" -DMOULIN_CUDA_ARCHITECTURES=90a-real && build "$part"; } >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "the $part build failed"
    exit 1
  fi
  rm -f "$log"
  echo "built $part in $((SECONDS - start)) s"
done
python3 tests/runner.py "${parts[@]}"
