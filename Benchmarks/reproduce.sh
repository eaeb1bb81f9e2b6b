#!/usr/bin/env bash
# Measures what RESULTS.md shows, on a machine that does nothing else; tables and plots go to .build/bench.
#
# usage: reproduce.sh [PART …]      formats, depth, contention, start, quality: all of them by default; serving, tiles
#
# `tiles` holds AMX against AVX-512 with VNNI, on a processor that has both, and against the peers.
# `serving` holds infer-serve against llama-server, in about an hour and a half. It needs DONOR in the environment, a GGUF
# file whose tokenizer and chat template the weights are lent, and TRACES, a folder as README.md says.
# ROUNDS (5) and DEEP_ROUNDS (3) in the environment are the rounds of both programs. Reading 32,768 tokens of context takes
# minutes: `depth` is most of the hours that everything takes.
set -euo pipefail
cd "$(dirname "$0")/.."

data=.build/bench peer=.build/peer binary=.build/release/infer-serve
rounds=${ROUNDS:-5} deep_rounds=${DEEP_ROUNDS:-3}

# The checkpoint NAME of so many layers, for both programs in some formats: prepare NAME LAYERS FORMAT…
prepare() {
  local name=$1-${2}l
  [[ -f $data/$name/model.safetensors ]] ||
    python3 Benchmarks/make_checkpoint.py "$1" "$data/$name" --layers "$2"
  Benchmarks/peer.sh convert "$peer" "$data/$name" "$data/$name" "${@:3}"
  for format in "${@:3}"; do
    [[ -f $data/$name-$format-own.gguf ]] ||
      "$binary" quantize --model "$data/$name" --format "$format" --output "$data/$name-$format-own.gguf"
  done
}

# A model in a format as --case wants it.
pair() { echo "$1-$2=$data/$1-$2-own.gguf,$data/$1-$2.gguf"; }

compare() { python3 Benchmarks/compare.py --binary "$binary" --peer "$peer/build/bin" "$@"; }

# Prompts, generating, and sequences side by side, with weights of 8 and of 4 bits.
formats() {
  prepare granite-h-tiny 10 Q8_0 Q4_0 Q4_K_M
  prepare granite-h-1b 20 Q8_0 Q4_0 Q4_K_M
  for format in Q8_0 Q4_0 Q4_K_M; do
    compare --label "$format" --rounds "$rounds" --prompts 512,2048 --depths 0 --batches 1,4,8,16 \
      --case "$(pair granite-h-tiny-10l "$format")" --case "$(pair granite-h-1b-20l "$format")" \
      --output "$data/$format.json" | tee "$data/$format.md"
  done
}

# Generating after a long context: hybrid, and attention everywhere.
depth() {
  prepare granite-h-tiny 10 Q4_0
  prepare granite-moe-attn 10 Q4_0
  local hybrid attention
  hybrid=$(pair granite-h-tiny-10l Q4_0) attention=$(pair granite-moe-attn-10l Q4_0)
  compare --label "Q4_0 weights, f16 cache" --rounds "$deep_rounds" --repetitions 1 --prompts 0 \
    --depths 0,4096,16384,32768 --batches 1,4,8,16 --case "$hybrid" --case "$attention" --output "$data/depth.json"
  python3 Benchmarks/report.py "$data/depth.json" --hybrid "${hybrid%%=*}" --attention "${attention%%=*}" |
    tee "$data/depth.md"
  python3 Benchmarks/plot.py "$data/depth.json" "$data/plots"
}

# Beside a process that takes one core.
contention() {
  prepare granite-h-tiny 10 Q4_0
  python3 Benchmarks/contention.py --binary "$binary" --peer "$peer/build/bin" --rounds "$rounds" \
    --case "$(pair granite-h-tiny-10l Q4_0)" | tee "$data/contention.md"
}

# From starting the program to its first token.
start() { python3 Benchmarks/first_token.py --binary "$binary" | tee "$data/start.md"; }

# Products on tiles against those of vectors, llama.cpp with and without AMX, and OpenVINO where its environment is there, in
# turn: hybrids with and without experts, and a dense model.
tiles() {
  prepare granite-h-tiny 10 Q8_0 Q4_0 Q4_K_M BF16
  prepare granite-h-1b 20 Q8_0 Q4_0 Q4_K_M BF16
  prepare qwen3 14 Q8_0 Q4_0 Q4_K_M BF16
  local others=(--other-isa avx512-vnni)
  [[ ! -x $peer/build-without-amx/bin/llama-bench ]] || others+=(--other-peer "without-amx=$peer/build-without-amx/bin")
  for format in Q8_0 Q4_0 Q4_K_M BF16; do
    compare --label "$format" --rounds "$rounds" --prompts 512,2048 --depths 0 --batches 16 "${others[@]}" \
      --case "$(pair granite-h-tiny-10l "$format")" --case "$(pair granite-h-1b-20l "$format")" \
      --case "$(pair qwen3-14l "$format")" --output "$data/tiles-$format.json" | tee "$data/tiles-$format.md"
  done
  local openvino=.build/openvino/bin/python bits name
  [[ -x $openvino ]] || { echo "reproduce.sh: no OpenVINO in .build/openvino, see Benchmarks/README.md" >&2; return; }
  for format in Q8_0 Q4_0; do
    [[ $format == Q8_0 ]] && bits=8 || bits=4
    for name in granite-h-1b-20l qwen3-14l; do
      [[ -e $data/$name-ov$bits ]] || "$openvino" Benchmarks/openvino_peer.py convert "$data/$name" "$data/$name-ov$bits" "$bits"
      compare --label "$format" --rounds "$rounds" --prompts 512 --batches 0 --openvino "$openvino" \
        --case "$(pair "$name" "$format"),$data/$name-ov$bits" --output "$data/tiles-$name-ov$bits.json"
    done | tee "$data/tiles-openvino-$format.md"
  done
}

# Both servers under load.
serving() {
  prepare granite-h-tiny 10 Q4_0
  local served=$data/served.gguf
  [[ -f $served ]] || python3 Benchmarks/give_vocabulary.py "$data/granite-h-tiny-10l-Q4_0.gguf" "${DONOR:?}" "$served"
  python3 Benchmarks/serve.py --binary "$binary" --model "$served" --peer "$peer/build/bin" --peer-model "$served" \
    --traces "${TRACES:?}" --trace-requests 32 --target-itl-ms 150 --without-cache=--no-prefix-caching \
    --output "$data/served.json" | tee "$data/served.md"
  python3 Benchmarks/plot_serve.py "$data/served.json" "$data/plots"
}

# What the formats cost in quality, on problems that training never shows.
quality() {
  python3 Models/tiny/unseen_text.py >"$data/unseen.txt"
  for format in Q8_0 Q6_K Q5_K Q4_K Q4_0; do
    "$binary" perplexity --model Models/tiny --file "$data/unseen.txt" --parse-special --quantize "$format" \
      --reference Models/tiny
  done | tee "$data/quality.txt"
}

(($#)) || set -- formats depth contention start quality
for part; do
  case $part in
    formats | depth | contention | start | quality | serving | tiles) ;;
    *)
      sed -n '4,11s/^# *//p' "$0" >&2
      exit 2 ;;
  esac
done
mkdir -p "$data"
make build
[[ -x $peer/build/bin/llama-bench ]] || Benchmarks/peer.sh build "$peer"
for part; do "$part"; done
