#!/usr/bin/env bash
# Installs the command with what it needs to run without a Swift toolchain, or removes it again: the binary and the Swift
# runtime beside it, manual pages, completions, the systemd unit, its configuration unless there is one, alerts, the
# dashboard and the bundled model.
# usage: install.sh BINARY PREFIX [DESTDIR], install.sh --uninstall PREFIX [DESTDIR]; SYSCONFDIR in the environment is the
# folder of configurations: /etc for the prefixes /usr and /usr/local, otherwise etc in the prefix, unless it is set.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

(($# == 2 || $# == 3)) || fail "usage: install.sh BINARY PREFIX [DESTDIR], or --uninstall PREFIX [DESTDIR]"
prefix=${2%/}
destination=${3:-}
destination=${destination%/}
[[ $prefix =~ ^(/[A-Za-z0-9._+@-]+)+$ ]] || fail "the prefix must be an absolute path of letters, digits, . _ + @ -, not '$2'"
case $prefix in
  /usr | /usr/local) configuration=${SYSCONFDIR:-/etc}/infer-serve ;;
  *) configuration=${SYSCONFDIR:-$prefix/etc}/infer-serve ;;
esac
share=$prefix/share/infer-serve
manifest=$destination$share/manifest

if [[ $1 == --uninstall ]]; then
  [[ -f $manifest ]] || fail "nothing is installed in $destination$prefix: there is no $manifest"
  while IFS= read -r path; do
    rm -f "$destination$path"
    # Folders go when they are empty, up to those that others use as well.
    folder=$(dirname "$path")
    while [[ $folder == "$prefix"/*/infer-serve* ]]; do
      rmdir "$destination$folder" 2>/dev/null || break
      folder=$(dirname "$folder")
    done
  done < <(cat "$manifest" && echo "$share/manifest")
  if [[ -e $destination$configuration/server.yaml ]]; then
    echo "left as it is: $destination$configuration/server.yaml"
  fi
  exit 0
fi

binary=$1
[[ -x $binary ]] || fail "there is no binary $binary"
command -v patchelf >/dev/null || fail "please install patchelf"
installed=()

# put MODE FILE PATH
put() {
  install -D -m "$1" "$2" "$destination$3"
  installed+=("$3")
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The binary finds the libraries of the Swift runtime beside it, wherever the prefix is moved to; all others are the system's.
install -m 755 "$binary" "$work/infer-serve"
strip --strip-unneeded "$work/infer-serve"
patchelf --set-rpath "\$ORIGIN/../lib/infer-serve" "$work/infer-serve"
put 755 "$work/infer-serve" "$prefix/bin/infer-serve"
runtime=$(ldd "$binary" | awk '$1 == "libswiftCore.so" { print $3 }')
if [[ -n $runtime ]]; then
  runtime=$(dirname "$runtime")
  while IFS= read -r library; do
    put 644 "$library" "$prefix/lib/infer-serve/$(basename "$library")"
    strip --strip-unneeded "$destination$prefix/lib/infer-serve/$(basename "$library")"
    patchelf --set-rpath "\$ORIGIN" "$destination$prefix/lib/infer-serve/$(basename "$library")"
  done < <(ldd "$binary" | awk -v folder="$runtime/" 'index($3, folder) == 1 { print $3 }')
  license=$runtime/../../../share/swift/LICENSE.txt
  if [[ -f $license ]]; then put 644 "$license" "$prefix/share/doc/infer-serve/LICENSE.swift"; fi
fi

"$root/scripts/make-manual.py" "$binary" "$work/manual"
for page in "$work"/manual/*.1; do put 644 "$page" "$prefix/share/man/man1/$(basename "$page")"; done
for shell in bash zsh fish; do "$binary" --generate-completion-script "$shell" >"$work/$shell"; done
put 644 "$work/bash" "$prefix/share/bash-completion/completions/infer-serve"
put 644 "$work/zsh" "$prefix/share/zsh/site-functions/_infer-serve"
put 644 "$work/fish" "$prefix/share/fish/vendor_completions.d/infer-serve.fish"

# with PATH: the file with the paths of this installation.
with() { sed -e "s|/usr/bin/infer-serve|$prefix/bin/infer-serve|; s|/usr/share/infer-serve|$share|" \
  -e "s|/etc/infer-serve|$configuration|g" "$1"; }
with "$root/Deploy/systemd/infer-serve.service" >"$work/service"
put 644 "$work/service" "$prefix/lib/systemd/system/infer-serve.service"
with "$root/Deploy/server.yaml" >"$work/server.yaml"
if [[ ! -e $destination$configuration/server.yaml ]]; then
  install -D -m 644 "$work/server.yaml" "$destination$configuration/server.yaml"
fi
put 644 "$work/server.yaml" "$prefix/share/doc/infer-serve/server.yaml"
put 644 "$root/README.md" "$prefix/share/doc/infer-serve/README.md"
put 644 "$root/LICENSE" "$prefix/share/doc/infer-serve/LICENSE"
put 644 "$root/Deploy/prometheus/alerts.yaml" "$share/prometheus/alerts.yaml"
put 644 "$root/Deploy/grafana/infer-serve.json" "$share/grafana/infer-serve.json"
for file in "$root"/Models/tiny/*; do
  case $file in
    *.json | *.jinja | *.safetensors | *.md) put 644 "$file" "$share/models/tiny/$(basename "$file")" ;;
  esac
done

printf '%s\n' "${installed[@]}" >"$work/manifest"
install -D -m 644 "$work/manifest" "$manifest"
echo "installed in $destination$prefix"
