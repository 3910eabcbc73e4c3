#!/usr/bin/env bash
# Builds, on a development machine, what a GPU machine needs to be carried: build/gpu/ with the moulin command, the CUDA
# plugin, the GPU tests, floors.cu, and the libraries that a plain machine lacks. Nothing needs an installation there.
#
#   bench/gpu/build.sh [--no-cuda] [OUT]     OUT: build/gpu
#
# Libraries are shared and found beside the executable ($ORIGIN): the command and its plugin exchange abseil's types and
# so must share one copy, and Debian's archives of abseil and protobuf are not position-independent, so no plugin can be
# linked from them. They travel packed (libraries.tar.xz); run.py unpacks them where it runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cuda=ON
if [ "${1:-}" = "--no-cuda" ]; then cuda=OFF; shift; fi
out=${1:-build/gpu}
work=build/gpu-work
limit_mib=64
nvcc=${NVCC:-/usr/local/cuda/bin/nvcc}

targets=(moulin)
if [ "$cuda" = ON ]; then targets+=(moulin_cuda); fi

say() { echo "build: $*"; }

configure() {
  cmake -S . -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMOULIN_WITH_CUDA=$cuda -DMOULIN_BUILD_BENCHMARKS=OFF \
    -DMOULIN_BUILD_TESTS=$cuda -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH='$ORIGIN'
}

# GPU tests by their names, as there are.
gpu_tests() {
  ninja -C "$work" -t targets all | sed -n 's/^\(moulin_cuda_[a-z_]*gpu_test\): phony$/\1/p' | sort -u
}

# Shared libraries that a file needs and that are neither the C library's, the compiler's nor the driver's.
needed_libraries() {
  LD_LIBRARY_PATH=$PWD/.deps/onednn/lib ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' |
    grep -v -E '/(libc|libm|libdl|librt|libpthread|libgcc_s|libstdc\+\+|libcuda|ld-linux[^/]*)\.so' || true
}

pack() {
  rm -rf "$out"
  mkdir -p "$out/lib"
  local name library
  for name in "${targets[@]}"; do
    [ "$name" = moulin_cuda ] && name=libmoulin_cuda.so
    strip --strip-unneeded -o "$out/$name" "$work/bin/$name"
    for library in $(needed_libraries "$work/bin/$name"); do
      [ -e "$out/lib/$(basename "$library")" ] || strip --strip-unneeded -o "$out/lib/$(basename "$library")" "$library"
    done
  done
  tar -C "$out/lib" -cf - . | xz -T0 -6 >"$out/libraries.tar.xz"
  rm -rf "$out/lib"
  if [ "$cuda" = ON ]; then
    "$nvcc" -std=c++17 -O3 -gencode arch=compute_90,code=sm_90 -cudart static bench/gpu/floors.cu -o "$out/floors"
  fi
  git rev-parse HEAD >"$out/commit"
}

# Starts the command from another folder with nothing but what was packed.
check() {
  local size trial file missing
  size=$(du -sm "$out" | cut -f1)
  say "$out: $size MiB"
  [ "$size" -le "$limit_mib" ] || { say "more than $limit_mib MiB; too much to carry"; exit 1; }
  trial=$(mktemp -d)
  cp "$out"/* "$trial"
  tar -C "$trial" -xJf "$trial/libraries.tar.xz"
  for file in "$trial"/moulin "$trial"/libmoulin_cuda.so "$trial"/moulin_*_test; do
    [ -e "$file" ] || continue
    missing=$(env -i ldd "$file" | grep 'not found' || true)
    [ -z "$missing" ] || { say "$(basename "$file") would not start elsewhere: $missing"; exit 1; }
    if env -i ldd "$file" | grep -E 'libabsl|libprotobuf|libdnnl|libtbb|libnettle|libre2|libfarmhash|libpng|libjpeg' | grep -v "$trial"; then
      say "$(basename "$file") uses this machine's libraries"
      exit 1
    fi
  done
  env -i "$trial/moulin" --version
  rm -rf "$trial"
}

mkdir -p build
configure >"$work.log" || { cat "$work.log"; exit 1; }
while read -r test; do targets+=("$test"); done < <(gpu_tests)
ninja -C "$work" "${targets[@]}"
pack
check
