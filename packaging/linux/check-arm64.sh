#!/usr/bin/env bash
# Tests the nets and their kernels for ARM64 on an x86-64 computer, under qemu.
#
#     packaging/linux/check-arm64.sh                # kernels, nn and mirror
#     packaging/linux/check-arm64.sh -p kernels     # these
#
# Needs: rustup target add aarch64-unknown-linux-gnu; of Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
(($#)) || set -- -p kernels -p nn -p mirror
cargo test --locked --target aarch64-unknown-linux-gnu "$@"
