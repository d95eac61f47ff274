// Adds up the sums of several workgroups, each of which looked at a share of the input maps. Each invocation does so for one quad at four pixels that
// follow each other.
//
// PIXELS: of the maps; SHARES: sums of each; OUT_QUADS: quads of maps, all of which are GROUP of a workgroup; PATCHES: times four, its pixels.

// [SHARES][OUT_QUADS][PIXELS].
@group(0) @binding(0) var<storage, read> sums: array<vec4<f32>>;

var<private> local_quad: u32;
var<private> local: u32;
var<private> local_patch: u32;
var<private> quad: u32;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    local = index;
    local_patch = index % PATCHES;
    local_quad = index / PATCHES;
    quad = local_quad;
    let first = 4u * (group.x * PATCHES + local_patch);
    var sum = mat4x4<f32>();
    for (var share = 0u; share < SHARES; share++) {
        let at = (share * OUT_QUADS + quad) * PIXELS + first;
        sum += mat4x4(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]);
    }
    emit(vec4(first, first + 1u, first + 2u, first + 3u), sum);
}
