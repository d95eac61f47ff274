// Red, green and blue as the net has them, about -1 to 1.
alias Pixel = vec4<f32>;

fn pixel(c: vec3<f32>) -> Pixel {
    return vec4(c, 0.0);
}
