// Leaves the sums of four pixels for whoever adds up those of all shares.

// [shares][OUT_QUADS][PIXELS].
@group(0) @binding(2) var<storage, read_write> sums: array<vec4<f32>>;

fn emit(pixels: vec4<u32>, sum: mat4x4<f32>) {
    let first = (share * OUT_QUADS + quad) * PIXELS;
    sums[first + pixels.x] = sum[0];
    sums[first + pixels.y] = sum[1];
    sums[first + pixels.z] = sum[2];
    sums[first + pixels.w] = sum[3];
}
