#!/bin/sh
# Compares every C kernel with a plain twin in double precision: as shipped, once for each instruction set that it is
# compiled for, and under the address and undefined-behaviour sanitizers. Instruction sets that this machine lacks are
# emulated: those of x86 by SIMDe, those of AArch64 by QEMU.
set -eu
cd "$(dirname "$0")/../.."
# The compiler of the Swift toolchain, which is what compiles the package.
clang=${CLANG:-clang}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

# compile NAME FLAGS…
compile() {
  name=$1
  shift
  "$clang" -fuse-ld=lld -std=gnu17 -Wall -Wextra -Werror -I Sources/CKernels -I Sources/CKernels/include "$@" \
    Tests/Kernels/*.c Sources/CKernels/*.c -lm -o "$build/$name"
}

# check NAME FLAGS…
check() {
  compile "$@"
  printf '%s: ' "$1"
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$build/$1"
}

# Products of packed weights choose their instruction set when the program starts; a name that the machine lacks is
# ignored. choose NAME ISA COMMAND…
choose() {
  label="$1, INFER_SERVE_ISA=$2" isa=$2
  shift 2
  output=$(INFER_SERVE_ISA=$isa "$@")
  case $output in
    "products for $isa, "*) echo "$label: $output" ;;
    *) return 1 ;;
  esac
}

# Fails unless the emulated machine has what is asked for.
emulate() {
  choose "$@" || { echo "$1: there is no $2" >&2; exit 1; }
}

case $(uname -m) in
  x86_64) native='avx512-vnni avx512 avx2 plain' ;;
  aarch64 | arm64) native='neon-i8mm neon plain' ;;
  *) native=plain ;;
esac
check shipped -O3
for isa in $native; do
  choose shipped "$isa" "$build/shipped" || echo "shipped: skipped $isa, this processor lacks it"
done

if [ "$(uname -m)" = x86_64 ] && "$clang" -E -include simde/x86/avx512.h - </dev/null >/dev/null 2>&1; then
  compile emulated -O2 -DCK_KERNEL= '-DCK_EMULATION="../../Tests/Kernels/emulation.h"'
  for isa in avx512-vnni avx512 avx2; do emulate emulated "$isa" "$build/emulated"; done
else
  echo "emulated: skipped, needs x86-64 and SIMDe (libsimde-dev)"
fi

if [ -d /usr/aarch64-linux-gnu/include ] && command -v qemu-aarch64 >/dev/null; then
  compile aarch64 -O3 --target=aarch64-linux-gnu -static
  for isa in neon-i8mm neon plain; do emulate aarch64 "$isa" qemu-aarch64 -cpu max "$build/aarch64"; done
  # Processors of Armv8.2 have no matrix products, and those of Armv8.0 no dot product, which the program has to notice.
  emulate 'aarch64 of Armv8.2' neon env INFER_SERVE_ISA=neon-i8mm qemu-aarch64 -cpu neoverse-n1 "$build/aarch64"
  emulate 'aarch64 of Armv8.0' plain env INFER_SERVE_ISA=neon qemu-aarch64 -cpu cortex-a53 "$build/aarch64"
else
  echo "aarch64: skipped, needs an AArch64 C library and QEMU (gcc-aarch64-linux-gnu, qemu-user)"
fi

check plain -O0 -DCK_KERNEL=
case $(uname -m) in
  x86_64)
    check baseline -O3 -DCK_KERNEL=
    flags=$(sed -n '/^flags/{p;q;}' /proc/cpuinfo 2>/dev/null || true)
    for level in v3:avx2 v4:avx512bw; do
      case " $flags " in
        *" ${level#*:} "*)
          check "${level%:*}" -O3 "-DCK_KERNEL=__attribute__((target(\"arch=x86-64-${level%:*}\")))" ;;
        *) echo "${level%:*}: skipped, this processor lacks ${level#*:}" ;;
      esac
    done ;;
esac
for sanitizer in address undefined; do
  check "$sanitizer" -O1 -g -DCK_KERNEL= "-fsanitize=$sanitizer" -fno-sanitize-recover=all -fno-omit-frame-pointer
done
