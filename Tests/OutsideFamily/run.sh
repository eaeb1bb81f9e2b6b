#!/usr/bin/env bash
# The library from outside: that it brings no package but these, and that families of another package run.
set -euo pipefail
cd "$(dirname "$0")/../.."
package=(--package-path Tests/OutsideFamily --scratch-path .build/outside-family)

# The package itself is called as its folder is.
found=$(swift package "${package[@]}" show-dependencies --format flatlist | grep -vixF "$(basename "$PWD")" | paste -sd ' ')
expected="swift-collections"
[[ $found == "$expected" ]] || { echo "the library brings the packages $found; expected $expected" >&2; exit 1; }

# A plan that is there already knows no files that came to the library since.
rm -f .build/outside-family/debug.yaml
swift build "${package[@]}"
"$(swift build "${package[@]}" --show-bin-path)/OutsideFamily" Tests/Fixtures/parity
