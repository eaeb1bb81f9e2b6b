#!/usr/bin/env bash
# Runs Swift tests on the row `amx` of the instruction sets, with tiles spelled in plain C where the processor has all of the
# row but those (see emulate-tiles.py). usage: test-tiles.sh OPTION … (those of `swift build`, then --filter NAMES)
set -euo pipefail
cd "$(dirname "$0")/.."

options=()
while (($# > 0)) && [[ $1 != --filter ]]; do
  options+=("$1")
  shift
done
if [[ $(uname -m) != x86_64 ]] || ! grep -qw avx512_vnni /proc/cpuinfo; then
  echo "tiles: skipped, this processor lacks AVX-512 with VNNI; Tests/Kernels/run.sh emulates that too"
  exit 0
fi
scripts/build.sh "${options[@]}" --build-tests
configuration=$(basename "$(swift build "${options[@]}" --show-bin-path)")
scripts/emulate-tiles.py ".build/$configuration.yaml" .build/tiles
INFER_SERVE_ISA=amx .build/tiles/tests --testing-library swift-testing "$@"
