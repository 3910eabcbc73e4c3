#!/usr/bin/env bash
# Installs what Moulin is built with: Debian packages, and oneDNN from PyPI's wheels into .deps/.
#
#   ./setup.sh            what building and testing need
#   ./setup.sh --cuda     also a CUDA toolkit with cuDNN and cuBLAS in .deps/cuda, unless /usr/local/cuda has one
#   ./setup.sh --fuzz     also a Clang with libFuzzer, for tests/fuzz/run.sh
#   ./setup.sh --python   also .venv/ with TensorFlow, TensorBoard and scikit-learn: for samples, golden cases and tests
#
# Does nothing, and says so, where everything is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

debian_packages=(g++ cmake ninja-build ccache git python3 python3-venv zlib1g-dev
  protobuf-compiler libprotobuf-dev libabsl-dev libgtest-dev libgmock-dev libbenchmark-dev
  nlohmann-json3-dev libcli11-dev nettle-dev libtbb-dev libeigen3-dev libre2-dev libfarmhash-dev libpng-dev
  libjpeg-dev)
# Debian 12 has oneDNN 2.6; 3.2 is the newest whose wheels need no SYCL runtime. Built on TBB, so that the streams of
# several models share one pool of threads instead of a team each.
onednn_version=2023.2.0
onednn_dir=.deps/onednn
cuda_dir=.deps/cuda
cuda_wheels=(nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.88
  nvidia-cuda-cccl==13.0.85 nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.0.2.14 nvidia-cudnn-cu13==9.19.0.56)

say() { echo "setup: $*"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_debian_packages() {
  local missing=()
  for package in "${debian_packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "Debian packages: all there"
    return
  fi
  say "installing Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The wheels are plain archives of headers and one shared library; no Python environment is needed to use them.
install_onednn() {
  if [ -f "$onednn_dir/version" ] && [ "$(cat "$onednn_dir/version")" = "$onednn_version" ]; then
    say "oneDNN $onednn_version: there"
    return
  fi
  say "installing oneDNN $onednn_version (PyPI wheels) into $onednn_dir"
  local work
  work=$(mktemp -d)
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download -q --disable-pip-version-check --no-deps -d "$work" \
    "onednn-cpu-tbb==$onednn_version" "onednn-devel-cpu-tbb==$onednn_version" \
    "intel-cmplr-lib-rt==$onednn_version"
  rm -rf "$onednn_dir"
  mkdir -p "$onednn_dir"
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
  cp -r "$work"/unpacked/onednn*.data/data/* "$onednn_dir/"
  # Of the compiler's runtime, the two libraries that the TBB build of oneDNN loads.
  cp "$work"/unpacked/intel_cmplr*.data/data/lib/{libimf.so,libintlc.so.5} "$onednn_dir/lib/"
  # Wheels hold copies where libraries have links.
  (cd "$onednn_dir/lib" && real=$(ls libdnnl.so.3.* | head -n 1) && ln -sf "$real" libdnnl.so.3 && ln -sf libdnnl.so.3 libdnnl.so)
  echo "$onednn_version" > "$onednn_dir/version"
  rm -rf "$work"
}

has_cuda() { [ -x "$1/bin/nvcc" ] && [ -f "$1/include/cudnn_graph.h" ] && [ -f "$1/include/cublasLt.h" ]; }

# The wheels again: compiler, headers and libraries, brought into a toolkit's layout.
install_cuda() {
  local root
  for root in "${CUDA_HOME:-/usr/local/cuda}" "$cuda_dir"; do
    if has_cuda "$root"; then
      say "CUDA toolkit: $root"
      return
    fi
  done
  say "installing a CUDA toolkit (PyPI wheels) into $cuda_dir"
  local work
  work=$(mktemp -d)
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download -q --disable-pip-version-check --no-deps -d "$work" "${cuda_wheels[@]}"
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
  rm -rf "$cuda_dir"
  mkdir -p "$cuda_dir"
  cp -r "$work"/unpacked/nvidia/cu13/. "$cuda_dir/"
  cp -r "$work"/unpacked/nvidia/cudnn/{include,lib} "$cuda_dir/"
  ln -sfn lib "$cuda_dir/lib64"
  chmod +x "$cuda_dir"/bin/* "$cuda_dir"/nvvm/bin/*
  rm -rf "$work"
}

# Debian 12's default, Clang 14, has no _Float16.
install_fuzz() {
  debian_packages+=(clang-16 libclang-rt-16-dev)
  install_debian_packages
}

install_python() {
  if [ -x .venv/bin/python ] && .venv/bin/python -c 'import tensorflow, sklearn, tensorboard' 2>/dev/null; then
    say "Python environment: there"
    return
  fi
  say "installing TensorFlow, TensorBoard and scikit-learn into .venv"
  python3 -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check tensorflow-cpu==2.21.0 tensorboard scikit-learn
}

install_debian_packages
install_onednn
case "${1:-}" in
  --cuda) install_cuda ;;
  --fuzz) install_fuzz ;;
  --python) install_python ;;
esac
say "done"
