// Red, green, blue and 255 as bytes: 127.5 c + 127.5, rounded, within a byte.
alias Pixel = u32;

fn pixel(c: vec3<f32>) -> Pixel {
    return pack4x8unorm(vec4(clamp(0.5 * c + 0.5, vec3(0.0), vec3(1.0)), 1.0));
}
