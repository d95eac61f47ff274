// The numbers of four pixels, row by row, the first of which is given.
fn pixel_numbers(first: vec2<u32>, side: u32) -> vec4<u32> {
    let n = first.y * side + first.x;
    return vec4(n, n + 1u, n + side, n + side + 1u);
}
