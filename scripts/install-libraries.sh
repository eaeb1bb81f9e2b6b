#!/usr/bin/env bash
# Installs packages where they are missing (Debian and its kin): the system libraries that the engine links, or those
# that are named. usage: install-libraries.sh [PACKAGE …]
set -euo pipefail

packages=("$@")
(($#)) || packages=(libopenblas-dev liblapacke-dev libpcre2-dev libsqlite3-dev libssl-dev zlib1g-dev pkg-config)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
((${#missing[@]})) || exit 0

command -v apt-get >/dev/null || {
  echo "please install: ${missing[*]}" >&2
  exit 1
}
run=()
if ((EUID != 0)); then run=(sudo); fi
echo "installing ${missing[*]} with apt-get" >&2
"${run[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null
