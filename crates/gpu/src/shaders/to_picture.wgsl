// Finishes four pixels and turns their maps to colours, without writing the maps.

// [PIXELS].
@group(0) @binding(3) var<storage, read_write> picture: array<Pixel>;
// [3][OUT_QUADS], then red, green and blue of the bias.
@group(0) @binding(4) var<storage, read> colours: array<vec4<f32>>;

fn emit(pixels: vec4<u32>, sum: mat4x4<f32>) {
    let y = activated(pixels, sum);
    let bias = colours[3u * OUT_QUADS];
    let red = channel(y, colours[quad]) + bias.x;
    let green = channel(y, colours[OUT_QUADS + quad]) + bias.y;
    let blue = channel(y, colours[2u * OUT_QUADS + quad]) + bias.z;
    if (local_quad == 0u) {
        picture[pixels.x] = pixel(vec3(red.x, green.x, blue.x));
        picture[pixels.y] = pixel(vec3(red.y, green.y, blue.y));
        picture[pixels.z] = pixel(vec3(red.z, green.z, blue.z));
        picture[pixels.w] = pixel(vec3(red.w, green.w, blue.w));
    }
}

// One colour of the four pixels.
fn channel(y: mat4x4<f32>, weights: vec4<f32>) -> vec4<f32> {
    return over_quads(weights * y);
}
