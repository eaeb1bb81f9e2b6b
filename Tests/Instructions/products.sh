#!/bin/sh
# Counts the instructions of products of 64 × 512 weights with 1, 16 and 64 rows of activations, on AVX-512 with VNNI and on
# AMX, whose tiles are emulated: what can be told of AMX where there is none. Needs a processor with AVX-512 and VNNI.
set -eu
cd "$(dirname "$0")/../.."
clang=${CLANG:-clang}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
if [ "$(uname -m)" != x86_64 ] || ! grep -qw avx512_vnni /proc/cpuinfo; then
  echo "products: not counted, this processor lacks AVX-512 with VNNI"
  exit 0
fi
for file in Tests/Instructions/products.c Sources/CKernels/*.c; do
  "$clang" -std=gnu17 -Wall -Wextra -Werror -O2 -I Sources/CKernels -I Sources/CKernels/include \
    '-DCK_TILE_EMULATION="../../Tests/Instructions/counted_tiles.h"' -c "$file" -o "$build/$(basename "$file").o"
done
"$clang" -fuse-ld=lld "$build"/*.o -pthread -lm -o "$build/products"
for isa in avx512-vnni amx; do INFER_SERVE_ISA=$isa "$build/products" > "$build/$isa"; done
printf '%-12s %5s %12s %12s %6s %18s\n' format rows avx512-vnni amx ratio 'products of tiles'
paste -d ' ' "$build/avx512-vnni" "$build/amx" |
  awk '{ printf "%-12s %5d %12d %12d %6.2f %18d\n", $1, $2, $3, $7, $3 / $7, $8 }'
