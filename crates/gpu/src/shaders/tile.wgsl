// What the convolutions of 3x3 share. A workgroup makes GROUP quads of output maps in TILE_X x TILE_Y patches of pixels, over a share of the
// input maps. It takes one quad of input maps after the other: first all its invocations fetch the pixels and weights of that quad into the
// workgroup's memory, then each adds up a patch of one output quad.
//
// SIDE: pixels a side of the input; IN_QUADS, OUT_QUADS: quads of maps; SHARE: quads of input maps that a workgroup looks at;
// PATCH_X, PATCH_Y: input pixels of a patch.

// [IN_QUADS][SIDE][SIDE].
@group(0) @binding(0) var<storage, read> maps: array<Quad>;
// [IN_QUADS][OUT_QUADS][9] blocks of four input maps, each a quad of output maps.
@group(0) @binding(1) var<storage, read> weights: array<Quad>;

const PATCHES = TILE_X * TILE_Y;
const SEEN_X = PATCH_X * TILE_X + 2u;
const SEEN_Y = PATCH_Y * TILE_Y + 2u;

// The tile's pixels of a quad of input maps, and those around it.
var<workgroup> seen: array<vec4<f32>, SEEN_X * SEEN_Y>;
// The weights from it to the workgroup's output quads.
var<workgroup> blocks: array<mat4x4<f32>, 9u * GROUP>;

// What this invocation makes, see `place`.
var<private> patch_at: vec2<u32>;
var<private> tile_at: vec2<u32>;
var<private> local_quad: u32;
var<private> local: u32;
var<private> local_patch: u32;
var<private> quad: u32;
var<private> share: u32;

fn place(group: vec3<u32>, index: u32) {
    local = index;
    local_patch = index % PATCHES;
    local_quad = index / PATCHES;
    let tiles_x = SIDE / (PATCH_X * TILE_X);
    tile_at = vec2(group.x % tiles_x, group.x / tiles_x) * vec2(PATCH_X * TILE_X, PATCH_Y * TILE_Y);
    patch_at = vec2(local_patch % TILE_X, local_patch / TILE_X) * vec2(PATCH_X, PATCH_Y);
    quad = group.y * GROUP + local_quad;
    share = group.z;
}

// The pixel of a quad of input maps; nought around the picture.
fn input(q: u32, x: i32, y: i32) -> vec4<f32> {
    if (x < 0 || y < 0 || x >= i32(SIDE) || y >= i32(SIDE)) {
        return vec4<f32>();
    }
    return unpacked(maps[(q * SIDE + u32(y)) * SIDE + u32(x)]);
}

fn fetch(q: u32) {
    workgroupBarrier();
    for (var i = local; i < SEEN_X * SEEN_Y; i += THREADS) {
        let x = i32(tile_at.x + i % SEEN_X) - 1;
        let y = i32(tile_at.y + i / SEEN_X) - 1;
        seen[i] = input(q, x, y);
    }
    let first = (q * OUT_QUADS + quad - local_quad) * 9u;
    for (var i = local; i < 9u * GROUP; i += THREADS) {
        let at = (first + i) * 4u;
        blocks[i] = mat4x4(
            unpacked(weights[at]),
            unpacked(weights[at + 1u]),
            unpacked(weights[at + 2u]),
            unpacked(weights[at + 3u]),
        );
    }
    workgroupBarrier();
}

// A pixel beside the patch's first one; both counts begin one pixel up and to the left.
fn at(x: u32, y: u32) -> vec4<f32> {
    return seen[(patch_at.y + y) * SEEN_X + patch_at.x + x];
}
