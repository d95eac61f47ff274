#!/usr/bin/env bash
# Builds for Windows on Linux and tries the result under wine: all tests, then the program as people use it.
#
#     packaging/windows/check.sh                   # everything, about half an hour on two cores
#     packaging/windows/check.sh --program         # the program only
#     packaging/windows/check.sh --tests -p nn     # tests only, these
#
# Needs: rustup target add x86_64-pc-windows-gnu; of Debian: gcc-mingw-w64-x86-64 wine bsdutils.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=x86_64-pc-windows-gnu
built=${CARGO_TARGET_DIR:-$PWD/target}
wine=$PWD/packaging/windows/wine.sh
export WINEPREFIX=$built/wine
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$wine
only=${1:-}
[[ -z $only ]] || shift

# Tests that look for a browser, ffmpeg, Python or /proc find none there, and say that they skip.
if [[ $only != --program ]]; then
  cargo test --locked --target $target "${@:---workspace}"
fi
[[ $only != --tests ]] || exit 0

cargo build --locked --release --target $target
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/Jürgens Spiegel"
cp "$built/$target/release/narcissus.exe" "$folder/Jürgens Spiegel/"
cd "$folder/Jürgens Spiegel"
narcissus() {
  printf '\n> narcissus %s\n' "$*"
  "$wine" narcissus.exe "$@"
}

narcissus pack verify
narcissus doctor
narcissus bench --rounds 3
narcissus dream --count 60 --out "schöne Träume"
narcissus reflect "schöne Träume" --out Spiegelbilder

# A name as Windows spells it in full, and a file as Windows' editors write it.
printf '[dream]\r\ncount = 2\r\nout = "aus der Datei"\r\n' >Spiegel.toml
narcissus dream --config "\\\\?\\Z:${PWD//\//\\}\\Spiegel.toml"
[[ -f "aus der Datei/dream-0002.png" && ! -f "aus der Datei/dream-0003.png" ]]

# A film needs ffmpeg, which is not there: that is said.
printf '\0\0\0\x18ftypmp42\0\0\0\0mp42isom' >Film.mp4
narcissus reflect Film.mp4 --out film 2>&1 | tee said && exit 1
grep -q "ffmpeg is not in PATH; hint: install it" said

# Who stops reading ends it without a word.
narcissus pack info 2>said | head -n 1 >/dev/null
[[ ! -s said ]]

narcissus train gan --pictures "schöne Träume" --out Lauf --resolution 16 --fmap-base 64 --minutes 1
[[ -s Lauf/generator.safetensors ]]

# Ctrl-C ends the kiosk: its browser, here a program that waits a minute, ends with it, and the browser's profile is deleted.
drive=$WINEPREFIX/drive_c
browser="$drive/Program Files/Mozilla Firefox/firefox.exe"
mkdir -p "${browser%/*}"
printf '#include <windows.h>\nint main(void) { Sleep(60000); return 0; }\n' >wait.c
x86_64-w64-mingw32-gcc -mwindows -o "$browser" wait.c
profiles() { find "$drive/users" -name 'narcissus-kiosk-*' | grep .; }
press_ctrl_c() {
  for _ in {1..30}; do
    ! profiles >/dev/null || break
    sleep 1
  done
  sleep 3
  printf '\003'
  sleep 5
}
press_ctrl_c | timeout 60 script -qec "'$wine' narcissus.exe mirror --kiosk --port 0" /dev/null
if profiles; then
  echo "error: a kiosk left its profile behind" >&2
  exit 1
fi
timeout 30 wineserver -w
rm "$browser"

printf '\nall is well under wine\n'
