// From a latent to maps of 4x4 pixels: one product of a vector and a matrix. Each invocation makes the sums of a quad of maps at a
// pixel, over a share of the latent.
//
// IN_QUADS: quads of the latent; OUT_QUADS: of the maps; SHARE: quads of the latent that a workgroup looks at.

@group(0) @binding(0) var<storage, read> latent: array<vec4<f32>>;
// [IN_QUADS][OUT_QUADS][16 pixels] blocks of four input coordinates, each a quad.
@group(0) @binding(1) var<storage, read> weights: array<Quad>;
// [shares][OUT_QUADS][16 pixels].
@group(0) @binding(2) var<storage, read_write> sums: array<vec4<f32>>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let output = group.x * THREADS + local;
    if (output >= OUT_QUADS * 16u) {
        return;
    }
    var sum = vec4<f32>();
    for (var q = group.z * SHARE; q < min((group.z + 1u) * SHARE, IN_QUADS); q++) {
        let at = (q * OUT_QUADS * 16u + output) * 4u;
        let x = latent[q];
        sum += x.x * unpacked(weights[at]) + x.y * unpacked(weights[at + 1u]);
        sum += x.z * unpacked(weights[at + 2u]) + x.w * unpacked(weights[at + 3u]);
    }
    sums[group.z * OUT_QUADS * 16u + output] = sum;
}
