#!/usr/bin/env bash
# Runs a Windows program under wine: wine.sh PROGRAM.exe [ARGUMENT...]
# $WINEPREFIX is the folder of wine's disk, made on the first run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${WINEPREFIX:?names no folder}"
export WINEPREFIX WINEDEBUG="${WINEDEBUG:--all}"
mkdir -p "$WINEPREFIX"
[[ -e $WINEPREFIX/system.reg ]] || wine wineboot --init >/dev/null 2>&1

# Rust's standard library needs this file, which wine before version 9 does not have.
library=$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll
[[ -e $library ]] || x86_64-w64-mingw32-gcc -shared -o "$library" "$here/bcryptprimitives.c" -ladvapi32

exec wine "$@"
