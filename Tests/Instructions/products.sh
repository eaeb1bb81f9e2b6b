#!/bin/sh
# Counts the instructions of products of 64 × 512 weights with 1 to 64 rows of activations, on AVX-512 with VNNI and on
# AMX, whose tiles are emulated: what can be told of AMX where there is none. Needs a processor with AVX-512 and VNNI.
# usage: products.sh [OBJECTS]   (a folder of a build's objects of the kernels, of which one file is compiled anew; then only
# AMX's are counted, a line each: format, rows, instructions, and those of them that are products of tiles)
set -eu
cd "$(dirname "$0")/../.."
clang=${CLANG:-clang}
# A repeated instruction counts once for every byte: the C library is to copy with vectors.
export GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=0x1000000:glibc.cpu.x86_rep_stosb_threshold=0x1000000
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
if [ "$(uname -m)" != x86_64 ] || ! grep -qw avx512_vnni /proc/cpuinfo; then
  echo "products: not counted, this processor lacks AVX-512 with VNNI" >&2
  exit 0
fi
if [ $# -gt 0 ]; then
  cp "$1"/*.c.o "$build"
  set -- Sources/CKernels/isa_amx.c
else
  set -- Sources/CKernels/*.c
fi
for file in Tests/Instructions/products.c "$@"; do
  "$clang" -std=gnu17 -Wall -Wextra -Werror -O2 -I Sources/CKernels -I Sources/CKernels/include \
    '-DCK_TILE_EMULATION="../../Tests/Instructions/counted_tiles.h"' -c "$file" -o "$build/$(basename "$file").o"
done
"$clang" -fuse-ld=lld "$build"/*.o -pthread -lm -o "$build/products"
if [ $# -eq 1 ]; then
  INFER_SERVE_ISA=amx "$build/products"
  exit
fi
for isa in avx512-vnni amx; do INFER_SERVE_ISA=$isa "$build/products" > "$build/$isa"; done
printf '%-12s %5s %12s %12s %6s %18s\n' format rows avx512-vnni amx ratio 'products of tiles'
paste -d ' ' "$build/avx512-vnni" "$build/amx" |
  awk '{ printf "%-12s %5d %12d %12d %6.2f %18d\n", $1, $2, $3, $7, $3 / $7, $8 }'
