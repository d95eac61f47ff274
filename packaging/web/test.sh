#!/usr/bin/env bash
# The kernels' tests as WebAssembly with SIMD, in Node: test.sh [ARGUMENTS FOR THE TESTS]. Needs rustup and Node.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=wasm32-wasip1
rustup target list --installed | grep -qx $target || rustup target add $target
# Node 20 knows relaxed SIMD by this flag; later ones know it without.
flag=--experimental-wasm-relaxed-simd
node $flag -e 0 2>/dev/null || flag=
export CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $flag $PWD/packaging/web/wasi.mjs"
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-C target-feature=+simd128,+relaxed-simd"
cargo test --locked --target $target --target-dir target/wasi -p kernels --lib -- "$@"
