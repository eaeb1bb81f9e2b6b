#!/usr/bin/env bash
# Builds llama.cpp, to measure against, and makes its files of a checkpoint's weights.
#
# usage: peer.sh build FOLDER [without-amx]
#            the programs, in FOLDER/build/bin; about 20 minutes with two cores. Without AMX in FOLDER/build-without-amx/bin
#        peer.sh convert FOLDER CHECKPOINT OUTPUT [FORMAT …]
#            OUTPUT-BF16.gguf, and OUTPUT-FORMAT.gguf of each format: by default Q8_0, Q4_0 and Q4_K_M
#
# The source is what PyPI's llama-cpp-python carries with it. Needs a C++ compiler and python3, to convert with the
# packages of requirements.txt.
set -euo pipefail

release=0.3.36
programs=(llama-bench llama-batched-bench llama-quantize llama-perplexity llama-server)
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "peer.sh: $*" >&2
  exit 1
}

usage() {
  sed -n '4,7s/^# *//p' "$0" >&2
  exit 2
}

# Prints the folder of llama.cpp's source, unpacked if need be.
source_in() {
  local source=$1/source
  if [[ ! -d $source/vendor/llama.cpp ]]; then
    mkdir -p "$source" "$1/download"
    python3 -m pip download --quiet --no-deps --no-binary llama-cpp-python \
      --dest "$1/download" "llama-cpp-python==$release" >&2
    tar xzf "$1/download/llama_cpp_python-$release.tar.gz" -C "$source" --strip-components=1
    # To GCC 12 the AMX intrinsic reads eight bytes of the 64, and it drops the stores to the rest: an illegal instruction.
    sed -i 's|^\( *\)_tile_loadconfig(&tc);|\1asm volatile("" : : "r"(\&tc) : "memory");\n&|' \
      "$source/vendor/llama.cpp/ggml/src/ggml-cpu/amx/mmq.cpp"
  fi
  echo "$source/vendor/llama.cpp"
}

build() {
  command -v cmake >/dev/null || python3 -m pip install --quiet cmake
  local source
  source=$(source_in "$1")
  local build=$1/build${2:+-$2}
  # What the processor has, less these: an option that names a feature outweighs -march=native wherever it stands.
  local flags=${2:+-mno-amx-tile -mno-amx-int8 -mno-amx-bf16}
  cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_UI=OFF -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" >/dev/null
  cmake --build "$build" --parallel "$(nproc)" --target "${programs[@]}"
}

# Says whether a model of a format runs at all: a product that needs what the processor or the system forbids ends the program
# by a signal.
try() {
  local build status
  for build in "$1/build" "$1/build-without-amx"; do
    [[ -x $build/bin/llama-bench ]] || continue
    status=0
    { "$build/bin/llama-bench" -m "$2" -p 32 -n 1 -r 1; } >/dev/null 2>&1 || status=$?
    ((status == 0)) || echo "peer.sh: $build/bin/llama-bench fails on $2: $(describe "$status")" >&2
  done
}

describe() { (($1 > 128)) && echo "SIG$(kill -l "$1")" || echo "status $1"; }

convert() {
  local folder=$1 checkpoint=$2 output=$3 quantize=$1/build/bin/llama-quantize
  shift 3
  [[ -f $checkpoint/config.json ]] || fail "$checkpoint has no config.json"
  [[ -x $quantize ]] || fail "$quantize is missing: run peer.sh build $folder"
  (($#)) || set -- Q8_0 Q4_0 Q4_K_M
  [[ -f $output-BF16.gguf ]] ||
    python3 "$here/peer_convert.py" "$(source_in "$folder")" "$checkpoint" "$output-BF16.gguf" bf16
  try "$folder" "$output-BF16.gguf"
  # Files that are there are tried as well: a build may be newer.
  for format; do
    [[ -f $output-$format.gguf ]] || "$quantize" "$output-BF16.gguf" "$output-$format.gguf" "$format" "$(nproc)"
    try "$folder" "$output-$format.gguf"
  done
}

case ${1:-} in
  build) (($# == 2)) || [[ $# == 3 && $3 == without-amx ]] || usage ;;
  convert) (($# >= 4)) || usage ;;
  *) usage ;;
esac
verb=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
shift 2
"$verb" "$folder" "$@"
