// A quad is the values of four maps at a pixel; stored as four halves. What is computed is f32.
alias Quad = vec2<u32>;

fn unpacked(q: Quad) -> vec4<f32> {
    return vec4(unpack2x16float(q.x), unpack2x16float(q.y));
}

fn packed(v: vec4<f32>) -> Quad {
    return vec2(pack2x16float(v.xy), pack2x16float(v.zw));
}
