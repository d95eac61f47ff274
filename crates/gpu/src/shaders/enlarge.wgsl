// A convolution of maps that were enlarged twice by repeating pixels, made of the maps as they are. Along one axis, with x the pixel, p the
// one before and n the one after, its two outputs are
//
//     w0 (p - x) + (w0 + w1 + w2) x    and    (w0 + w1 + w2) x + w2 (n - x):
//
// three products in place of six, so nine in place of 36 along both. The weights are those of the nine. A patch is two pixels side by
// side, of which eight come.

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    place(group, index);
    // The products by rows: with the difference from above, with the pixel, with the difference to below. Three columns are those of the left pixel and three
    // of the right.
    var before = Products();
    var within = Products();
    var after = Products();
    for (var q = group.z * SHARE; q < min((group.z + 1u) * SHARE, IN_QUADS); q++) {
        fetch(q);
        let b = local_quad * 9u;
        let row = mat4x4(at(0u, 1u), at(1u, 1u), at(2u, 1u), at(3u, 1u));
        let above = mat4x4(at(0u, 0u), at(1u, 0u), at(2u, 0u), at(3u, 0u));
        let below = mat4x4(at(0u, 2u), at(1u, 2u), at(2u, 2u), at(3u, 2u));
        before = added(before, b, above - row);
        within = added(within, b + 3u, row);
        after = added(after, b + 6u, below - row);
    }

    let upper_left = before.left + within.left;
    let lower_left = within.left + after.left;
    let upper_right = before.right + within.right;
    let lower_right = within.right + after.right;
    let first = 2u * (tile_at + patch_at);
    emit(pixel_numbers(first, 2u * SIDE), outputs(upper_left, lower_left));
    emit(pixel_numbers(first + vec2(2u, 0u), 2u * SIDE), outputs(upper_right, lower_right));
}

struct Products {
    left: mat3x4<f32>,
    right: mat3x4<f32>,
}

// After three more products of each pixel, with a row of four.
fn added(p: Products, b: u32, v: mat4x4<f32>) -> Products {
    let w0 = blocks[b];
    let w1 = blocks[b + 1u];
    let w2 = blocks[b + 2u];
    let left = mat3x4(w0 * (v[0] - v[1]), w1 * v[1], w2 * (v[2] - v[1]));
    let right = mat3x4(w0 * (v[1] - v[2]), w1 * v[2], w2 * (v[3] - v[2]));
    return Products(p.left + left, p.right + right);
}

// The four pixels that come of one.
fn outputs(upper: mat3x4<f32>, lower: mat3x4<f32>) -> mat4x4<f32> {
    return mat4x4(upper[0] + upper[1], upper[1] + upper[2], lower[0] + lower[1], lower[1] + lower[2]);
}
