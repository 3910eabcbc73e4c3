#!/usr/bin/env bash
# The ways in which a GPU can be missing: each gives its reason, and `auto` falls back to the CPU.
#
#   tests/cuda/plugin_test.sh [MOULIN]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
moulin=$(realpath "${1:-build/release/bin/moulin}")
plugin=$(dirname "$moulin")/libmoulin_cuda.so
fake=$(dirname "$moulin")/libmoulin_fake_cuda.so
model=samples/models/digit_classifier.pb
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect REASON VARIABLE=VALUE...: with the environment so, `cuda` is refused for that reason and `auto` runs all the same.
expect() {
  local reason=$1 output
  shift
  output=$(env "$@" "$moulin" bench "$model" --device cuda --seconds 0.01 2>&1 </dev/null)
  [ $? -eq 2 ] || fail "$*: --device cuda should exit with 2: $output"
  grep -qE "E_DEVICE: .*$reason" <<<"$output" || fail "$*: expected \"$reason\", found: $output"
  output=$(env "$@" "$moulin" bench "$model" --device auto --seconds 0.01 2>&1 </dev/null) || fail "$*: auto: $output"
  grep -qE "running on the CPU: .*$reason" <<<"$output" || fail "$*: auto expected \"$reason\", found: $output"
}

# 1. The plugin is not there, or is something else.
expect "does not exist" MOULIN_CUDA_PLUGIN="$scratch/none.so"
echo "not a library" > "$scratch/text.so"
expect "invalid ELF header|file too short" MOULIN_CUDA_PLUGIN="$scratch/text.so"

if [ -e "$plugin" ] && [ ! -e /proc/driver/nvidia ]; then
  # 2. No driver.
  expect "no NVIDIA driver" MOULIN_CUDA_PLUGIN="$plugin"
  # 3. A driver that refuses to start, as the toolkit's stand-in does, and one that finds no device.
  for code in 34 100; do
    cat > "$scratch/driver.c" <<C
int cuInit(unsigned flags) { (void)flags; return $code; }
int cuDriverGetVersion(int* version) { *version = 13000; return 0; }
int cuGetErrorName(int error, const char** name) { (void)error; *name = "stub"; return 0; }
int cuGetErrorString(int error, const char** text) { (void)error; *text = "stub"; return 0; }
int cuGetProcAddress_v2(const char* symbol, void** function, int version, unsigned long long flags, void* status);
#include <dlfcn.h>
int cuGetProcAddress_v2(const char* symbol, void** function, int version, unsigned long long flags, void* status) {
  (void)version; (void)flags; (void)status;
  *function = dlsym(RTLD_DEFAULT, symbol);
  if (!*function) { Dl_info info; dladdr((void*)cuInit, &info); *function = dlsym(dlopen(info.dli_fname, RTLD_NOW), symbol); }
  return *function ? 0 : 500;
}
C
    mkdir -p "$scratch/$code"
    gcc -D_GNU_SOURCE -w -shared -fPIC -o "$scratch/$code/libcuda.so.1" "$scratch/driver.c" -ldl
    expect "no NVIDIA driver|finds no GPU|stand-in|does not start" MOULIN_CUDA_PLUGIN="$plugin" \
      LD_LIBRARY_PATH="$scratch/$code"
  done
else
  echo "skipped: the plugin was not built, or this machine has a driver"
fi

if [ -e "$fake" ]; then
  # A GPU, as far as the program can tell: results equal those of the reference.
  GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4194304 MOULIN_CUDA_PLUGIN="$fake" "$moulin" compare "$model" --device cuda --layers >"$scratch/out" 2>&1 ||
    fail "the stand-in differs from the reference: $(tail -5 "$scratch/out")"
  # 4. An interface of another version.
  cat > "$scratch/other.c" <<'C'
int moulin_cuda_abi(void) { return -1; }
void moulin_cuda_open(void) {}
C
  gcc -shared -fPIC -o "$scratch/other.so" "$scratch/other.c"
  expect "was built for interface -1" MOULIN_CUDA_PLUGIN="$scratch/other.so"
fi

[ "$failures" -eq 0 ] && echo "plugin: all passed"
exit $((failures > 0))
