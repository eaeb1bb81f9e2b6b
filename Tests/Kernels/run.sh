#!/bin/sh
# Compares every C kernel with a plain twin in double precision: as shipped, once for each instruction set it is
# compiled for that this machine has, and under the address and undefined-behaviour sanitizers.
set -eu
cd "$(dirname "$0")/../.."
# The compiler of the Swift toolchain, which is what compiles the package.
clang=${CLANG:-clang}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

# check NAME FLAGS…
check() {
  name=$1
  shift
  "$clang" -fuse-ld=lld -std=gnu17 -Wall -Wextra -Werror -I Sources/CKernels -I Sources/CKernels/include "$@" \
    Tests/Kernels/*.c Sources/CKernels/*.c -lm -o "$build/$name"
  printf '%s: ' "$name"
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$build/$name"
}

check shipped -O3
# Products of packed weights choose their instruction set when the program starts; names this machine lacks are ignored.
for isa in avx512 avx2 neon plain; do
  printf 'shipped, INFER_SERVE_ISA=%s: ' "$isa"
  INFER_SERVE_ISA=$isa "$build/shipped"
done
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
