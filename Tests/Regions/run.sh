#!/usr/bin/env bash
# Runs the parallel regions of thread teams under the thread sanitizer, and sees that it finds a race that is put there.
# The few files that they are made of are compiled alone: the whole package takes ten minutes (`make thread-test`).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

kernels=$PWD/Sources/CKernels
printf 'module CKernels { header "%s/include/CKernels.h" export * }\n' "$kernels" >"$build/module.modulemap"
"${CLANG:-clang}" -g -O1 -fsanitize=thread -I "$kernels/include" -c "$kernels/closure.c" -o "$build/closure.o"
swiftc -O -g -swift-version 6 -strict-memory-safety -warnings-as-errors -enable-upcoming-feature InternalImportsByDefault \
  -sanitize=thread -I "$build" Tests/Regions/main.swift \
  Sources/InferCore/Threads/{ParallelRegion,ItemShares,PaddedLines,ConditionLock}.swift "$build/closure.o" -o "$build/regions"
TSAN_OPTIONS=halt_on_error=1 "$build/regions"
if TSAN_OPTIONS=halt_on_error=1 "$build/regions" race >"$build/race" 2>&1 || ! grep -q 'data race\|access race' "$build/race"; then
  echo "regions: the thread sanitizer finds no race where there is one" >&2
  exit 1
fi
