#!/usr/bin/env bash
# Makes in dist/ what people download, and tries each: unpacks it in an empty folder and starts the program.
#
#     packaging/release.sh                                            # all that Linux can make
#     packaging/release.sh x86_64-apple-darwin aarch64-apple-darwin   # on a Mac
#
# Needs Python, `cargo install cargo-cyclonedx` and `rustup target add` for each target. On Linux also
# `pip install cargo-zigbuild ziglang`, and of Debian: gcc-mingw-w64-x86-64 wine qemu-user-static libc6-arm64-cross dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
targets=("$@")
((${#targets[@]})) || targets=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-pc-windows-gnu)

# The oldest glibc that the programs for Linux run with: Debian 10, Ubuntu 20.04, RHEL 8. zig links against any.
glibc=2.28
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
root=$PWD
dist=$root/dist
built=${CARGO_TARGET_DIR:-$root/target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$dist"
mkdir "$dist"

# The same commit gives the same files, wherever it is built.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH WINEPREFIX=$built/wine
export CARGO_PROFILE_RELEASE_STRIP=true
export RUSTFLAGS="--remap-path-prefix=$root=narcissus --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=registry"
RUSTFLAGS+=" --remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=rust"

# Builds for a target; sets $program.
build() {
  local name=narcissus
  case $1 in
    *-linux-gnu) cargo zigbuild --locked --release --target "$1.$glibc" ;;
    *-windows-*) name+=.exe && cargo build --locked --release --target "$1" ;;
    *) cargo build --locked --release --target "$1" ;;
  esac
  program=$built/$1/release/$name
  if grep -aqF -e "$HOME/" -e "$root/" "$program"; then
    echo "error: $program names a folder of this computer" >&2
    exit 1
  fi
}

# Starts a program of a target in an empty folder: start TARGET PROGRAM
start() {
  local run=(env)
  case $1 in
    aarch64-unknown-linux-gnu) [[ $(uname -m) == aarch64 ]] || run=(qemu-aarch64-static -L /usr/aarch64-linux-gnu) ;;
    *-windows-*) run=("$root/packaging/windows/wine.sh") ;;
  esac
  mkdir "$work/empty"
  (cd "$work/empty" && "${run[@]}" "$2" pack verify && "${run[@]}" "$2" dream --count 1 --out out && [[ -s out/dream-0001.png ]])
  rm -r "$work/empty"
}

# README and what it leads to: documents FOLDER
documents() {
  install -d "$1/packs/office"
  cp -r README.md ARCHITECTURE.md CONTRIBUTING.md docs "$1/"
  cp packs/office/CARD.md "$1/packs/office/"
}

# An archive with the program, the modules of its web site, README, licences, and what starts the mirror with the desktop: archive TARGET
archive() {
  local name=narcissus-$version-$1 ending=tar.gz files=(LICENSE-MIT LICENSE-APACHE "$work"/modules/*)
  case $1 in
    *-linux-*) files+=(packaging/linux/narcissus.service) ;;
    *-windows-*) ending=zip files+=(packaging/windows/install-logon-task.ps1) ;;
  esac
  mkdir "$work/$name"
  cp "$program" "${files[@]}" "$work/$name/"
  documents "$work/$name"
  python3 packaging/archive.py "$dist/$name.$ending" "$work/$name"
  rm -r "${work:?}/$name"

  python3 -c 'import shutil, sys; shutil.unpack_archive(*sys.argv[1:])' "$dist/$name.$ending" "$work/unpacked"
  chmod +x "$work/unpacked/$name/${program##*/}"
  start "$1" "$work/unpacked/$name/${program##*/}"
  rm -r "$work/unpacked"
}

# A package for Debian and Ubuntu: debian TARGET
debian() {
  local machine=amd64
  [[ $1 != aarch64-* ]] || machine=arm64
  local folder=$work/debian deb=$dist/narcissus_${version}_$machine.deb
  local documents=$folder/usr/share/doc/narcissus
  install -D "$program" "$folder/usr/bin/narcissus"
  install -Dm644 -t "$documents" packaging/linux/copyright
  documents "$documents"
  install -d "$folder/usr/lib/systemd/user" "$folder/usr/share/man/man1" "$folder/DEBIAN"
  sed 's|^ExecStart=%h/.local/bin/|ExecStart=/usr/bin/|' packaging/linux/narcissus.service \
    >"$folder/usr/lib/systemd/user/narcissus.service"
  gzip -9n <packaging/linux/narcissus.1 >"$folder/usr/share/man/man1/narcissus.1.gz"
  local maintainer
  maintainer=$(sed -n 's/^Maintainer: //p' packaging/linux/control)
  printf 'narcissus (%s) unstable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n' "$version" "$version" "$maintainer" \
    "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$documents/changelog.gz"
  sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$machine/; s/@GLIBC@/$glibc/" \
    -e "s/@KILOBYTES@/$(du -sk --apparent-size "$folder" | cut -f 1)/" packaging/linux/control >"$folder/DEBIAN/control"
  (cd "$folder" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$work/md5sums"
  mv "$work/md5sums" "$folder/DEBIAN/"
  chmod -R go=rX "$folder"
  dpkg-deb --root-owner-group --build "$folder" "$deb"
  rm -r "$folder"

  dpkg-deb -x "$deb" "$work/unpacked"
  start "$1" "$work/unpacked/usr/bin/narcissus"
  rm -r "$work/unpacked"
}

# No symbol of a glibc newer than we say.
check_glibc() {
  local newest
  newest=$(readelf -W --dyn-syms "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
  if [[ $(printf '%s\n' "${newest#GLIBC_}" $glibc | sort -V | tail -n 1) != "$glibc" ]]; then
    echo "error: $program needs $newest; expected $glibc at most" >&2
    exit 1
  fi
  echo "$1: needs $newest, may need $glibc"
}

# The modules of the web site, which `narcissus site` looks for beside the program.
packaging/web/module.sh "$work/modules"

for target in "${targets[@]}"; do
  build "$target"
  if [[ $target == *-linux-gnu ]]; then
    check_glibc "$target"
    debian "$target"
  fi
  archive "$target"
done

# The web site.
"$built/${targets[0]}/release/narcissus" site --modules "$work/modules" --out "$work/narcissus-$version-web"
python3 packaging/archive.py "$dist/narcissus-$version-web.zip" "$work/narcissus-$version-web"

# What the program is made of. Folders of this computer are no part of that.
cargo cyclonedx --format json --manifest-path crates/cli/Cargo.toml --target "${targets[0]}" --override-filename bom
sed "s|path+file://$root/||g; s|file://$root/||g" crates/cli/bom.json >"$dist/narcissus-$version.cdx.json"
find crates bench -name bom.json -delete
if grep -F "$root" "$dist/narcissus-$version.cdx.json"; then
  echo "error: the bill of materials names a folder of this computer" >&2
  exit 1
fi

cd "$dist"
python3 -c '
import hashlib, pathlib
for file in sorted(pathlib.Path(".").iterdir()):
    print(hashlib.sha256(file.read_bytes()).hexdigest(), "", file)' | tee "$work/sums"
mv "$work/sums" SHA256SUMS
