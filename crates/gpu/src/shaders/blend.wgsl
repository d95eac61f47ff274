// So much of a picture over another, pixel by pixel.

struct Blend {
    // Of the second picture, 0 to 1.
    share: f32,
    pixels: u32,
}

@group(0) @binding(0) var<uniform> blend: Blend;
@group(0) @binding(1) var<storage, read> before: array<u32>;
@group(0) @binding(2) var<storage, read> after: array<u32>;
@group(0) @binding(3) var<storage, read_write> now: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < blend.pixels) {
        now[id.x] = pack4x8unorm(mix(unpack4x8unorm(before[id.x]), unpack4x8unorm(after[id.x]), blend.share));
    }
}
