#!/usr/bin/env bash
# The mirror as WebAssembly modules, for pages without a server: narcissus.wasm, and narcissus-threads.wasm for browsers that let it
# have threads and know relaxed SIMD. module.sh [FOLDER], by default beside the release build, where `narcissus site` looks for them.
# Needs rustup with this toolchain's rust-src: Rust's own std for the second has to be built with atomics.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-target/release}
target=wasm32-unknown-unknown
rustup target list --installed | grep -qx $target || rustup target add $target
rustup component list --installed | grep -qx rust-src || rustup component add rust-src

build() { cargo build --locked --profile module --target $target -p wasm --lib --target-dir "target/$1" "${@:2}"; }
simd="-C target-feature=+simd128"
RUSTFLAGS=$simd build module
threads="$simd,+relaxed-simd,+atomics,+bulk-memory -C link-arg=--shared-memory -C link-arg=--import-memory -C link-arg=--max-memory=1073741824"
for name in __stack_pointer __wasm_init_tls __tls_size __tls_align; do threads+=" -C link-arg=--export=$name"; done
# build-std is not stable; on a stable compiler this variable lets it be used.
RUSTFLAGS=$threads RUSTC_BOOTSTRAP=1 build module-threads -Z build-std=std,panic_abort

mkdir -p "$folder"
cp "target/module/$target/module/wasm.wasm" "$folder/narcissus.wasm"
cp "target/module-threads/$target/module/wasm.wasm" "$folder/narcissus-threads.wasm"
ls -l "$folder"/narcissus*.wasm
