#!/usr/bin/env bash
# Installs a Debian package with what it depends on into a minimal system in a folder (debootstrap), and serves with it.
# usage: test-deb.sh PACKAGE FOLDER [SUITE]; needs root, and the mirror that this machine's apt has.
set -euo pipefail
(($# == 2 || $# == 3)) || {
  echo "usage: test-deb.sh PACKAGE FOLDER [SUITE]" >&2
  exit 64
}
package=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
suite=${3:-bookworm}
system=$folder/$suite
port=${PORT:-18080}

if [[ -z ${IN_OWN_MOUNTS:-} ]]; then
  # Mounts of the system end with this process.
  IN_OWN_MOUNTS=1 exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi

# shellcheck disable=SC2016 # The format is apt's.
mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $suite" 'Created-By: Packages' 2>/dev/null | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}
if [[ ! -e $folder/$suite.made ]]; then
  rm -rf "$system"
  debootstrap --variant=minbase "$suite" "$system" "$mirror" >"$folder/debootstrap.log"
  touch "$folder/$suite.made"
fi
for file in resolv.conf hosts; do cp "/etc/$file" "$system/etc/$file"; done
mkdir -p "$system/etc/apt/apt.conf.d"
cp /etc/apt/apt.conf.d/* "$system/etc/apt/apt.conf.d/" 2>/dev/null || true
mount -t proc proc "$system/proc"
mount --bind /sys "$system/sys"
mount --bind /dev "$system/dev"

within=(chroot "$system" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive
  ${http_proxy:+http_proxy="$http_proxy"})
say() { printf '%s\n' "== $*"; }

say "installing in a minimal $suite"
cp "$package" "$system/infer-serve.deb"
"${within[@]}" apt-get update -qq
"${within[@]}" apt-get install -y -qq --no-install-recommends /infer-serve.deb >"$folder/install.log" 2>&1 || {
  cat "$folder/install.log" >&2
  exit 1
}
"${within[@]}" infer-serve --version
"${within[@]}" getent passwd infer-serve
"${within[@]}" dpkg --verify infer-serve
"${within[@]}" infer-serve config check /etc/infer-serve/server.yaml
"${within[@]}" test -L /etc/systemd/system/multi-user.target.wants/infer-serve.service

say "serving as the service's user"
"${within[@]}" setpriv --reuid infer-serve --regid infer-serve --clear-groups \
  infer-serve serve --config /etc/infer-serve/server.yaml --port "$port" 2>"$folder/serve.log" &
server=$!
"${within[@]}" infer-serve health --wait 60 "http://127.0.0.1:$port" || {
  cat "$folder/serve.log" >&2
  exit 1
}
answer=$(echo 'What is 47 + 85?' | "${within[@]}" infer-serve chat --server "http://127.0.0.1:$port")
echo "answer: $answer"
[[ $answer == *132* ]]
kill "$server"
wait "$server"
"${within[@]}" infer-serve doctor --no-measurement /usr/share/infer-serve/models/tiny

say "removing"
echo "# changed" >>"$system/etc/infer-serve/server.yaml"
"${within[@]}" apt-get remove -y -qq infer-serve >>"$folder/install.log" 2>&1
[[ ! -e $system/usr/bin/infer-serve && -e $system/etc/infer-serve/server.yaml ]]
"${within[@]}" apt-get purge -y -qq infer-serve >>"$folder/install.log" 2>&1
left=$(find "$system/etc" "$system/usr" "$system/var/lib/infer-serve" -path '*infer-serve*' -not -path '*/dpkg/*' 2>/dev/null || true)
[[ -z $left ]] || {
  echo "left behind: $left" >&2
  exit 1
}
say "all is well"
