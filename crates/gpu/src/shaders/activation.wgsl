// Bias, leaky ReLU and pixel norm of four pixels. All quads of maps of a pixel must be in the same workgroup.

// [OUT_QUADS], or [OUT_QUADS][PIXELS].
@group(0) @binding(2) var<storage, read> biases: array<vec4<f32>>;

// Of each invocation, for sums over the quads of a patch.
var<workgroup> parts: array<vec4<f32>, THREADS>;

fn over_quads(part: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    parts[local] = part;
    workgroupBarrier();
    var sum = vec4<f32>();
    for (var q = 0u; q < GROUP; q++) {
        sum += parts[q * PATCHES + local_patch];
    }
    return sum;
}

fn leaky(v: vec4<f32>) -> vec4<f32> {
    return max(v, LEAK * v);
}

fn bias(pixel: u32) -> vec4<f32> {
    if (PIXEL_BIASES) {
        return biases[quad * PIXELS + pixel];
    }
    return biases[quad];
}

fn activated(pixels: vec4<u32>, sum: mat4x4<f32>) -> mat4x4<f32> {
    let y = mat4x4(
        leaky(sum[0] + bias(pixels.x)),
        leaky(sum[1] + bias(pixels.y)),
        leaky(sum[2] + bias(pixels.z)),
        leaky(sum[3] + bias(pixels.w)),
    );
    let squares = over_quads(vec4(dot(y[0], y[0]), dot(y[1], y[1]), dot(y[2], y[2]), dot(y[3], y[3])));
    let scale = inverseSqrt(squares / MAPS + EPSILON);
    return mat4x4(y[0] * scale.x, y[1] * scale.y, y[2] * scale.z, y[3] * scale.w);
}
