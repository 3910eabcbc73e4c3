#!/usr/bin/env bash
# Runs every fuzz target under libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   tests/fuzz/run.sh [SECONDS [NAME...]]     SECONDS for each target (default 60); NAMEs as in *_fuzz.cc (default all)
#
# Needs Clang 15 or newer with compiler-rt (./setup.sh --fuzz; CXX names another). A target goes on from where it stopped: its corpus is
# kept in build/fuzz/corpus/NAME, and starts from the seeds that the target names and from the golden cases, where those are
# unpacked. An input that is a finding is left in build/fuzz/findings/NAME-*, and the exit status is 1.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-60}
shift || true
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cc; do names+=("$(basename "$source" _fuzz.cc)"); done
fi
# Hostile input may take four times its size and 64 MiB: inputs are small here.
limits=(-malloc_limit_mb=80 -rss_limit_mb=2048 -timeout=10 -max_len=16384)

# Clang 14, Debian 12's default, has no _Float16.
compiler=${CXX:-}
for version in 19 18 17 16 15; do [ -n "$compiler" ] || compiler=$(command -v clang++-$version || true); done
compiler=${compiler:-clang++}

targets=()
for name in "${names[@]}"; do targets+=("moulin_fuzz_$name" "moulin_libfuzzer_$name"); done
cmake --preset fuzz -DCMAKE_CXX_COMPILER="$compiler" >/dev/null && cmake --build --preset fuzz --parallel "${JOBS:-$(nproc)}" --target "${targets[@]}" ||
  exit 2

# golden NAME DIR: files of the golden cases that the target reads.
golden() {
  local pattern
  case $1 in
    graphdef | import) pattern='graph.pb' ;;
    pbtxt) pattern='*.pbtxt' ;;
    *) return 0 ;;
  esac
  [ -d build/cases ] || return 0
  find build/cases -name "$pattern" -size -8k | head -n 400 | while read -r file; do
    cp "$file" "$2/$(echo "$file" | tr '/' '_')"
  done
}

mkdir -p build/fuzz/findings
status=0
for name in "${names[@]}"; do
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  build/fuzz/bin/moulin_fuzz_"$name" -write_seeds="$corpus"
  golden "$name" "$corpus"
  log=build/fuzz/$name.log
  dict=()
  [ -f "tests/fuzz/$name.dict" ] && dict=(-dict="tests/fuzz/$name.dict")
  if build/fuzz/bin/moulin_libfuzzer_"$name" "${limits[@]}" "${dict[@]}" -max_total_time="$seconds" \
    -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name-" "$corpus" >"$log" 2>&1; then
    echo "$name: clean, $(grep -o 'number_of_executed_units: *[0-9]*' "$log" | grep -o '[0-9]*$') inputs in $seconds s"
  else
    status=1
    echo "$name: a finding"
    grep -E 'ERROR|SUMMARY|does not hold|runtime error|Test unit written' "$log" | head -n 5
  fi
done
exit $status
