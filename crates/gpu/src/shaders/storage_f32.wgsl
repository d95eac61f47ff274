// A quad is the values of four maps at a pixel; stored as they are.
alias Quad = vec4<f32>;

fn unpacked(q: Quad) -> vec4<f32> {
    return q;
}

fn packed(v: vec4<f32>) -> Quad {
    return v;
}
