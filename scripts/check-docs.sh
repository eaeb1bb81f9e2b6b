#!/usr/bin/env bash
# Builds the documentation of the libraries; a broken link or symbol is an error. Options are those of `swift package`.
set -euo pipefail

rm -rf .build/docs
mkdir -p .build/docs
for target in InferText InferMetrics InferCore HybridBlocks InferKit; do
  INFER_SERVE_DOCS=1 swift package "$@" --allow-writing-to-directory .build/docs generate-documentation \
    --target "$target" --warnings-as-errors --output-path ".build/docs/$target"
done
