#!/usr/bin/env bash
# Makes a Python environment with the packages of a requirements file. usage: make-venv.sh FOLDER REQUIREMENTS
set -euo pipefail

folder=$1 requirements=$2
if ! python3 -m venv "$folder" 2>/dev/null; then
  # Debian ships the venv module apart.
  run=()
  if ((EUID != 0)); then run=(sudo); fi
  "${run[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq python3-venv >/dev/null
  python3 -m venv --clear "$folder"
fi
"$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
