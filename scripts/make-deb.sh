#!/usr/bin/env bash
# Makes a Debian package of a built binary, for the Debian that it was built on. usage: make-deb.sh BINARY FOLDER
# MAINTAINER in the environment is who answers for the package: the last commit's author unless it is set.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
(($# == 2)) || {
  echo "usage: make-deb.sh BINARY FOLDER" >&2
  exit 64
}
binary=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
stage=$folder/stage
rm -rf "$stage" "$folder"/infer-serve_*.deb
umask 022
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}

"$root/scripts/install.sh" "$binary" /usr "$stage" >/dev/null
documents=$stage/usr/share/doc/infer-serve
# Debian keeps no second list of files and no licence of its own common ones.
rm "$stage/usr/share/infer-serve/manifest" "$documents/LICENSE"
mkdir -p "$documents/examples" "$stage/usr/share/zsh/vendor-completions"
mv "$documents/server.yaml" "$documents/examples/"
mv "$stage/usr/share/zsh/site-functions/_infer-serve" "$stage/usr/share/zsh/vendor-completions/"
rmdir "$stage/usr/share/zsh/site-functions"
sed -i '1{/^#!/d}' "$stage/usr/share/bash-completion/completions/infer-serve"
gzip -9n "$stage"/usr/share/man/man1/*.1
install -D -m 644 "$root/Deploy/debian/copyright" "$documents/copyright"
install -D -m 644 "$root/Deploy/debian/sysusers.conf" "$stage/usr/lib/sysusers.d/infer-serve.conf"
install -D -m 644 "$root/Deploy/debian/lintian-overrides" "$stage/usr/share/lintian/overrides/infer-serve"

version=$("$binary" --version)-1
architecture=$(dpkg --print-architecture)
maintainer=${MAINTAINER:-$(git -C "$root" log -1 --format='%an <%ae>')}
printf 'infer-serve (%s) unstable; urgency=medium\n\n  * Version %s, made from its sources.\n\n -- %s  %s\n' \
  "$version" "${version%-1}" "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" |
  gzip -9n >"$documents/changelog.Debian.gz"

# What the binary and the Swift runtime beside it need of the system. dpkg-shlibdeps wants a source package around it.
mkdir -p "$folder/shlibs/debian" "$stage/DEBIAN"
printf 'Source: infer-serve\n\nPackage: infer-serve\nArchitecture: any\n' >"$folder/shlibs/debian/control"
depends=$(cd "$folder/shlibs" && dpkg-shlibdeps -O --ignore-missing-info -l"$stage/usr/lib/infer-serve" \
  "$stage/usr/bin/infer-serve" "$stage"/usr/lib/infer-serve/*.so 2>"$folder/shlibdeps.log") || {
  cat "$folder/shlibdeps.log" >&2
  exit 1
}
depends=${depends#shlibs:Depends=}

sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@MAINTAINER@/${maintainer//\//\\/}/" \
  -e "s/@DEPENDS@/$depends/; s/@SIZE@/$(du -sk --exclude=DEBIAN "$stage" | cut -f1)/" \
  "$root/Deploy/debian/control.in" >"$stage/DEBIAN/control"
echo /etc/infer-serve/server.yaml >"$stage/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "$root/Deploy/debian/$script" "$stage/DEBIAN/$script"; done
(cd "$stage" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$stage/DEBIAN/md5sums"

package=$folder/infer-serve_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$stage" "$package" >/dev/null
rm -rf "$stage" "$folder/shlibs"
echo "$package"
