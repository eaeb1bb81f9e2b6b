#!/usr/bin/env bash
# Builds, and says what is going on: also where there is no terminal for a line of progress, and while a large module is
# compiled for minutes. usage: build.sh OPTION … (those of `swift build`)
set -euo pipefail
cd "$(dirname "$0")/.."
beat=${BUILD_BEAT_SECONDS:-10}

# The modules that processes below this one compile at the moment.
compiling() {
  command -v ps >/dev/null || return 0
  ps -ww -eo pid=,ppid=,args= | awk -v root=$$ '
    { parent[$1] = $2; line[$1] = $0 }
    END {
      for (pid in line) {
        if (!match(line[pid], / -module-name [A-Za-z0-9_]+/)) continue
        name = substr(line[pid], RSTART + 14, RLENGTH - 14)
        for (each = pid; each in parent && each != root;) each = parent[each]
        if (each == root && !(name in seen)) { seen[name] = 1; printf " %s", name }
      }
    }'
}

if [[ ! -e .build/workspace-state.json ]]; then
  echo "building for the first time: packages are fetched from github.com and all is compiled, which takes some minutes"
fi
if [[ -t 1 ]]; then exec swift build "$@"; fi

swift build "$@" 2>&1 | while true; do
  if IFS= read -r -t "$beat" line; then
    printf '%s\n' "$line"
  elif (($? > 128)); then
    modules=$(compiling)
    echo "still building: $SECONDS s so far${modules:+, now compiling$modules}"
  else
    break
  fi
done
