#!/usr/bin/env bash
# Makes the documentation of the libraries from the modules of a build; a broken link or symbol is an error.
# usage: check-docs.sh FOLDER (of the build's products, such as .build/release; writes .build/docs)
set -euo pipefail
cd "$(dirname "$0")/.."
products=$1

# The C modules that the Swift ones import: those of the system's libraries, and those that are compiled here.
maps=()
for map in Sources/*/module.modulemap "$products"/*.build/module.modulemap; do maps+=(-Xcc "-fmodule-map-file=$map"); done
target=$(swiftc -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["unversionedTriple"])')

rm -rf .build/docs .build/symbols
for module in InferText InferMetrics InferCore HybridBlocks InferKit; do
  mkdir -p ".build/symbols/$module" ".build/docs/$module"
  swift symbolgraph-extract -module-name "$module" -target "$target" -I "$products/Modules" "${maps[@]}" \
    -minimum-access-level public -emit-extension-block-symbols -output-dir ".build/symbols/$module"
  docc convert "Sources/$module/$module.docc" --additional-symbol-graph-dir ".build/symbols/$module" \
    --fallback-display-name "$module" --fallback-bundle-identifier "$module" --warnings-as-errors \
    --output-dir ".build/docs/$module"
done
