// Finishes four pixels of maps.

// [OUT_QUADS][PIXELS].
@group(0) @binding(3) var<storage, read_write> finished: array<Quad>;

fn emit(pixels: vec4<u32>, sum: mat4x4<f32>) {
    let y = activated(pixels, sum);
    let first = quad * PIXELS;
    finished[first + pixels.x] = packed(y[0]);
    finished[first + pixels.y] = packed(y[1]);
    finished[first + pixels.z] = packed(y[2]);
    finished[first + pixels.w] = packed(y[3]);
}
