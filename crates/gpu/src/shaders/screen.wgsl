// A picture on a screen, enlarged smoothly, that dissolves into the next.

struct Frame {
    // Left, top, width and height of the picture on the screen, pixels.
    place: vec4<f32>,
    // How much of the second picture is there, and how much darker all is, 0 to 1.
    share: f32,
    dim: f32,
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var before: texture_2d<f32>;
@group(0) @binding(2) var after: texture_2d<f32>;

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
    let colour = mix(sampled(before, at), sampled(after, at), frame.share);
    return vec4((1.0 - frame.dim) * colour, 1.0);
}

// The colour of a picture at a pixel of the screen.
fn sampled(picture: texture_2d<f32>, at: vec2<f32>) -> vec3<f32> {
    let size = vec2<f32>(textureDimensions(picture));
    let step = size / frame.place.zw;
    if (any(step > vec2(1.0))) {
        return mean(picture, (at - 0.5) * step, (at + 0.5) * step);
    }
    // Catmull-Rom: the cubic through the four nearest pixels along each axis; outside, the border pixel counts.
    let place = clamp(at * step - 0.5, vec2(0.0), size - 1.0);
    let low = floor(place);
    let x = cubic(place.x - low.x);
    let y = cubic(place.y - low.y);
    var colour = vec3<f32>();
    for (var j = 0; j < 4; j++) {
        for (var i = 0; i < 4; i++) {
            colour += x[i] * y[j] * pixel(picture, low + vec2(f32(i), f32(j)) - 1.0);
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
fn mean(picture: texture_2d<f32>, start: vec2<f32>, end: vec2<f32>) -> vec3<f32> {
    var colour = vec3<f32>();
    var area = 0.0;
    for (var y = floor(start.y); y < end.y; y += 1.0) {
        for (var x = floor(start.x); x < end.x; x += 1.0) {
            let covered = min(end, vec2(x, y) + 1.0) - max(start, vec2(x, y));
            colour += covered.x * covered.y * pixel(picture, vec2(x, y));
            area += covered.x * covered.y;
        }
    }
    return colour / area;
}

fn pixel(picture: texture_2d<f32>, at: vec2<f32>) -> vec3<f32> {
    let size = vec2<f32>(textureDimensions(picture));
    return textureLoad(picture, vec2<i32>(clamp(at, vec2(0.0), size - 1.0)), 0).rgb;
}
