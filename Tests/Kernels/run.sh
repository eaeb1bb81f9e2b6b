#!/bin/sh
# Compares every C kernel with a plain twin in double precision, with every instruction set that it is compiled for:
# optimised, and as written under the address and undefined-behaviour sanitizers. Instruction sets that this machine lacks
# are emulated: those of x86 by SIMDe, and tiles by tile_emulation.h; those of AArch64 by QEMU.
set -eu
cd "$(dirname "$0")/../.."
# The compiler of the Swift toolchain, which is what compiles the package.
clang=${CLANG:-clang}
objdump=${OBJDUMP:-llvm-objdump}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

# objects NAME FLAGS…: compiles the files named on the input, as many at a time as there are processors. What the tests compare
# with is optimised in any case: it takes most of their time otherwise.
objects() {
  name=$1
  shift
  mkdir -p "$build/$name.o/Tests/Kernels" "$build/$name.o/Sources/CKernels"
  xargs -P "$(nproc)" -I FILE sh -c 'file=$1 object=$2; shift 2
    case $file in Tests/*) set -- "$@" -O1 ;; esac
    exec "$@" -c "$file" -o "$object"' compile FILE "$build/$name.o/FILE.o" "$clang" -std=gnu17 \
    -Wall -Wextra -Werror -Wno-unused-command-line-argument -I Sources/CKernels -I Sources/CKernels/include "$@"
}

# program NAME FLAGS…: links its objects.
program() {
  name=$1
  shift
  "$clang" -fuse-ld=lld "$@" "$build/$name.o"/*/*/*.o -pthread -lm -o "$build/$name"
}

# compile NAME FLAGS…: all files, the kernels first, which take longest.
compile() {
  printf '%s\n' Sources/CKernels/isa_*.c Sources/CKernels/[!i]*.c Sources/CKernels/isa.c Tests/Kernels/*.c | objects "$@"
  program "$@"
}

# emulate NAME ORIGINAL FLAGS…: a program that was compiled with those flags, but with the missing instructions of this machine
# in plain C. Where that is all of AVX-512, the processor's own vectors are left out too: all is compiled again.
emulate() {
  name=$1 original=$2
  shift 2
  case $missing in
    *avx512*)
      compile "$name" "$@" "$emulation"
      return ;;
  esac
  cp -R "$build/$original.o" "$build/$name.o"
  case $missing in *avx-vnni*) echo Sources/CKernels/isa_avx_vnni.c | objects "$name" "$@" "$emulation" ;; esac
  case $missing in
    *amx*) printf '%s\n' Sources/CKernels/isa_amx.c Tests/Kernels/tiles.c | objects "$name" "$@" "$tile_emulation" ;;
  esac
  program "$name" "$@"
}

# begin COMMAND…: runs it beside others, until `finish`, which fails if any of them has. The programs use one processor each.
jobs=
begin() {
  "$@" &
  jobs="$jobs $!"
}

finish() {
  for job in $jobs; do wait "$job" || exit 1; done
  jobs=
}

# Kernels choose their instruction set when the program starts; a name that the machine lacks is ignored. Fails unless it is
# the one that was asked for, and its kernels are right.
# run NAME ISA COMMAND…
run() {
  name=$1 isa=$2
  shift 2
  output=$(INFER_SERVE_ISA=$isa UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$@") || output="fails: $output"
  case $output in
    "kernels for $isa, "*) echo "$name, INFER_SERVE_ISA=$isa: $output" ;;
    *) echo "$name: kernels for $isa are wrong, or there are none: $output" >&2; return 1 ;;
  esac
}

# check NAME FLAGS…: every instruction set of this machine. Those that it lacks are in $missing then.
check() {
  compile "$@"
  missing=
  for isa in $native; do
    case $(INFER_SERVE_ISA=$isa "$build/$1" choice) in
      "kernels for $isa, "*) begin run "$1" "$isa" "$build/$1" ;;
      *)
        echo "$1: skipped $isa, this processor lacks it"
        missing="$missing $isa"
        ;;
    esac
  done
  finish
}

# Fails unless a program chooses an instruction set, and others are forbidden, whatever it is asked for.
# chosen EXPECTED FORBIDDEN COMMAND…
chosen() {
  expected=$1 forbidden=$2
  shift 2
  choice=$(INFER_SERVE_ISA=amx "$@") || choice="$choice, and fails"
  case $choice in
    "kernels for $expected, $forbidden forbidden, best $expected") echo "$* chooses $expected" ;;
    *) echo "$*: $choice in place of $expected" >&2; return 1 ;;
  esac
}

# Fails if a kernel of an instruction set has instructions of a larger one, or there are too few kernels.
# disjoint NAME ISA PATTERN [LEAST]
disjoint() {
  "$objdump" -d --no-show-raw-insn "$build/$1" | awk -v isa="$2" -v pattern="$3" -v least="${4:-60}" '
    /^[0-9a-f]+ <.*>:$/ { own = $2 ~ "_" isa "(\\.[a-z0-9.]+)?>:$"; name = $2; kernels += own; next }
    own && $0 ~ pattern { print name " has" $0; failed = 1; exit 1 }
    END { if (!failed && kernels < least) { print "only " kernels " kernels for " isa; failed = 1 } exit failed }' >&2
}

# Fails unless every kernel of an instruction set that a pattern names has an instruction.
# has NAME KERNELS PATTERN
has() {
  "$objdump" -d --no-show-raw-insn "$build/$1" | awk -v kernels="$2" -v pattern="$3" '
    /^[0-9a-f]+ <.*>:$/ { name = $2; own = name ~ kernels; if (own) seen[name] = 0; count += own; next }
    own && $0 ~ pattern { seen[name] = 1 }
    END { for (name in seen) if (!seen[name]) { print name " has no" pattern; failed = 1 }
          exit failed || !count }' >&2
}

# disjoint_neon NAME
disjoint_neon() {
  disjoint "$1" plain '\t[us]dot|\tsmmla'
  disjoint "$1" neon '\tsmmla'
}

case $(uname -m) in
  x86_64) native='amx avx512-vnni avx512 avx-vnni avx2 plain' ;;
  aarch64 | arm64) native='neon-i8mm neon plain' ;;
  *) native=plain ;;
esac
check shipped -O3
case $(uname -m) in
  x86_64)
    disjoint shipped plain '\tv[a-z]'
    disjoint shipped avx2 '%zmm|%k[1-7]|vpdpbusd'
    disjoint shipped avx_vnni '%zmm|%k[1-7]' 8
    has shipped '<(matmul_q[4-8]|multiply_).*_avx_vnni>' 'vpdpbusd'
    disjoint shipped avx512 vpdpbusd
    disjoint shipped avx512_vnni '\ttile|\ttdp'
    has shipped '<(matmul_q[4-8]|multiply_).*_amx>' '\ttdpbssd'
    has shipped '<(matmul_split_b?f16|gemm)_amx>' '\ttdpbf16ps'
    # A system that refuses to keep tiles, where the processor has them, and hypervisors that hide them and more.
    best=$("$build/shipped" choice)
    case ${best##* } in
      amx) chosen avx512-vnni amx "$build/shipped" refused ;;
      *) chosen "${best##* }" none "$build/shipped" refused ;;
    esac
    if command -v qemu-x86_64 >/dev/null; then
      chosen avx2 none qemu-x86_64 -cpu Haswell-noTSX,-pcid,-x2apic,-tsc-deadline,-invpcid "$build/shipped" choice
      chosen plain none qemu-x86_64 -cpu Nehalem "$build/shipped" choice
    fi ;;
  aarch64 | arm64) disjoint_neon shipped ;;
esac
# Optimising what sanitizers add takes minutes for each instruction set.
sanitizers='-O0 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
check sanitized $sanitizers

if [ -z "$missing" ]; then
  echo "emulated: nothing to do, this processor has every set of its kind"
elif [ "$(uname -m)" = x86_64 ] && "$clang" -E -include simde/x86/avx512.h - </dev/null >/dev/null 2>&1; then
  emulation='-DCK_EMULATION="../../Tests/Kernels/emulation.h"'
  tile_emulation='-DCK_TILE_EMULATION="../../Tests/Kernels/emulated_tiles.h"'
  emulate emulated shipped -O2
  for isa in $missing; do begin run emulated "$isa" "$build/emulated"; done
  case $missing in
    *amx*)
      # A system that gives no leave to use tiles: the next best set, whoever asks.
      for isa in '' amx avx2; do
        choice=$(INFER_SERVE_ISA=$isa EMULATED_SYSTEM_FORBIDS_TILES=1 "$build/emulated" choice)
        case $isa in
          avx2) expected='kernels for avx2, none forbidden, best avx512-vnni' ;;
          *) expected='kernels for avx512-vnni, amx forbidden, best avx512-vnni' ;;
        esac
        [ "$choice" = "$expected" ] || { echo "'$isa' without leave for tiles: $choice" >&2; exit 1; }
      done
      # What the emulated instructions of tiles read and write, beside what the compiler knows of.
      emulate emulated-sanitized sanitized $sanitizers
      begin run emulated-sanitized amx "$build/emulated-sanitized" ;;
  esac
else
  echo "emulated: skipped, needs x86-64 and SIMDe (libsimde-dev)"
fi

if [ -d /usr/aarch64-linux-gnu/include ] && command -v qemu-aarch64 >/dev/null; then
  compile aarch64 -O3 --target=aarch64-linux-gnu -static
  disjoint_neon aarch64
  for isa in neon-i8mm neon plain; do begin run aarch64 "$isa" qemu-aarch64 -cpu max "$build/aarch64"; done
  # Processors of Armv8.2 have no matrix products, and those of Armv8.0 no dot product, which the program has to notice.
  begin run 'aarch64 of Armv8.2' neon env INFER_SERVE_ISA=neon-i8mm qemu-aarch64 -cpu neoverse-n1 "$build/aarch64"
  begin run 'aarch64 of Armv8.0' plain env INFER_SERVE_ISA=neon qemu-aarch64 -cpu cortex-a53 "$build/aarch64"
else
  echo "aarch64: skipped, needs an AArch64 C library and QEMU (gcc-aarch64-linux-gnu, qemu-user)"
fi
finish
