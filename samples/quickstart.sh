#!/usr/bin/env bash
# Sets up, builds, bundles the two sample models and runs them at once on images that they have never seen.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./setup.sh
echo "quickstart: building (the first time takes some minutes)"
cmake --preset release >/dev/null
cmake --build --preset release --target moulin samples | tail -n 1

bundle=build/release/samples/digits.moulin
echo "quickstart: $bundle holds"
build/release/bin/moulin show "$bundle"
echo
build/release/bin/sample_quickstart
