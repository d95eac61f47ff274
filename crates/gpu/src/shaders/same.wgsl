// A convolution that keeps the size. A patch is 2x2 pixels, each of which takes nine products.

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    place(group, index);
    // The columns are the patch's four pixels, row by row.
    var sum = mat4x4<f32>();
    for (var q = group.z * SHARE; q < min((group.z + 1u) * SHARE, IN_QUADS); q++) {
        fetch(q);
        let b = local_quad * 9u;
        let above = mat4x4(at(0u, 0u), at(1u, 0u), at(2u, 0u), at(3u, 0u));
        let upper = mat4x4(at(0u, 1u), at(1u, 1u), at(2u, 1u), at(3u, 1u));
        let lower = mat4x4(at(0u, 2u), at(1u, 2u), at(2u, 2u), at(3u, 2u));
        let below = mat4x4(at(0u, 3u), at(1u, 3u), at(2u, 3u), at(3u, 3u));
        sum += row(blocks[b], blocks[b + 1u], blocks[b + 2u], above, upper);
        sum += row(blocks[b + 3u], blocks[b + 4u], blocks[b + 5u], upper, lower);
        sum += row(blocks[b + 6u], blocks[b + 7u], blocks[b + 8u], lower, below);
    }
    let first = tile_at + patch_at;
    emit(pixel_numbers(first, SIDE), sum);
}

// A row of the filter, over the rows of pixels that it meets for the upper and the lower two of the patch.
fn row(w0: mat4x4<f32>, w1: mat4x4<f32>, w2: mat4x4<f32>, u: mat4x4<f32>, l: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4(
        w0 * u[0] + w1 * u[1] + w2 * u[2],
        w0 * u[1] + w1 * u[2] + w2 * u[3],
        w0 * l[0] + w1 * l[1] + w2 * l[2],
        w0 * l[1] + w1 * l[2] + w2 * l[3],
    );
}
