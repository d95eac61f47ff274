// A row of pictures on a screen, enlarged smoothly, that dissolves into the next. The pictures of a row lie one after the other.

struct Frame {
    // Left, top, width and height of the row on the screen, pixels.
    place: vec4<f32>,
    // Width and height of both rows.
    before_size: vec2<f32>,
    after_size: vec2<f32>,
    // Width of a picture of each.
    before_tile: f32,
    after_tile: f32,
    // How much of the second row is there, and how much darker all is, 0 to 1.
    share: f32,
    dim: f32,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> before: array<u32>;
@group(0) @binding(2) var<storage, read> after: array<u32>;

// One triangle, which covers the screen.
@vertex
fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    return vec4(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn shade(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = position.xy - frame.place.xy;
    if (any(at < vec2(0.0)) || any(at >= frame.place.zw)) {
        return vec4(0.0, 0.0, 0.0, 1.0);
    }
    let colour = mix(sampled(false, at), sampled(true, at), frame.share);
    return vec4((1.0 - frame.dim) * colour, 1.0);
}

// The colour of one of the rows at a pixel of the screen.
fn sampled(is_after: bool, at: vec2<f32>) -> vec3<f32> {
    let size = select(frame.before_size, frame.after_size, is_after);
    let step = size / frame.place.zw;
    if (any(step > vec2(1.0))) {
        return mean(is_after, (at - 0.5) * step, (at + 0.5) * step);
    }
    // Catmull-Rom: the cubic through the four nearest pixels along each axis; outside, the border pixel counts.
    let place = clamp(at * step - 0.5, vec2(0.0), size - 1.0);
    let low = floor(place);
    let x = cubic(place.x - low.x);
    let y = cubic(place.y - low.y);
    var colour = vec3<f32>();
    for (var j = 0; j < 4; j++) {
        for (var i = 0; i < 4; i++) {
            colour += x[i] * y[j] * pixel(is_after, low + vec2(f32(i), f32(j)) - 1.0);
        }
    }
    return clamp(colour, vec3(0.0), vec3(1.0));
}

fn cubic(t: f32) -> vec4<f32> {
    let t2 = t * t;
    let t3 = t2 * t;
    return 0.5 * vec4(2.0 * t2 - t - t3, 2.0 - 5.0 * t2 + 3.0 * t3, t + 4.0 * t2 - 3.0 * t3, t3 - t2);
}

// The mean over an area.
fn mean(is_after: bool, start: vec2<f32>, end: vec2<f32>) -> vec3<f32> {
    var colour = vec3<f32>();
    var area = 0.0;
    for (var y = floor(start.y); y < end.y; y += 1.0) {
        for (var x = floor(start.x); x < end.x; x += 1.0) {
            let covered = min(end, vec2(x, y) + 1.0) - max(start, vec2(x, y));
            colour += covered.x * covered.y * pixel(is_after, vec2(x, y));
            area += covered.x * covered.y;
        }
    }
    return colour / area;
}

fn pixel(is_after: bool, at: vec2<f32>) -> vec3<f32> {
    let size = select(frame.before_size, frame.after_size, is_after);
    let place = vec2<u32>(clamp(at, vec2(0.0), size - 1.0));
    let tile = u32(select(frame.before_tile, frame.after_tile, is_after));
    let i = (place.x / tile * u32(size.y) + place.y) * tile + place.x % tile;
    if (is_after) {
        return unpack4x8unorm(after[i]).rgb;
    }
    return unpack4x8unorm(before[i]).rgb;
}
