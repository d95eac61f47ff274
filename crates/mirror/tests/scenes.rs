//! What happens in real rooms: people who change places, a poster behind a visitor, lamps, busts, masks, sunglasses, a camera on its
//! side. The people are faces that the generator dreamt.

use frame::Image;
use mirror::engine::Mirror;
use mirror::generator::samples;
use mirror::live::protocol::Controls;
use mirror::live::{FrameResult, LiveMirror, LiveSettings};
use mirror::pack::Pack;
use std::sync::LazyLock;

const RATE: usize = 15;
const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const WALL: [u8; 3] = [96, 100, 104];
/// Dreamt faces that the scenes are made of.
const PEOPLE: usize = 8;

static MIRROR: LazyLock<Mirror> = LazyLock::new(|| Mirror::new(&Pack::embedded().expect("embedded")).expect("whole"));

fn people() -> Vec<Image> {
    samples(MIRROR.painter(), PEOPLE, 5).map(|(_, picture)| picture).collect()
}

/// Pastes a head: an ellipse of the picture, soft at its rim, with its middle at (x, y).
fn put(room: &mut Image, person: &Image, [x, y]: [f32; 2], side: f32) {
    let person = person.resized(side as usize, side as usize);
    let half = side / 2.0;
    for py in 0..person.height {
        for px in 0..person.width {
            let (dx, dy) = ((px as f32 - half) / half, (py as f32 - half) / half);
            let cover = ((1.0 - (dx * dx / 0.81 + dy * dy).sqrt()) / 0.08).clamp(0.0, 1.0);
            let (to_x, to_y) = ((x - half) as i64 + px as i64, (y - half) as i64 + py as i64);
            if cover == 0.0 || !(0..WIDTH as i64).contains(&to_x) || !(0..HEIGHT as i64).contains(&to_y) {
                continue;
            }
            let at = (to_y as usize * WIDTH + to_x as usize) * 3;
            for (c, value) in person.pixel(px, py).into_iter().enumerate() {
                let below = f32::from(room.data[at + c]);
                room.data[at + c] = (below + cover * (f32::from(value) - below)).round() as u8;
            }
        }
    }
}

fn room() -> Image {
    Image::flat(WIDTH, HEIGHT, WALL)
}

/// Runs a live mirror over frames made for each time, seconds; `see` gets each result.
fn watch(views: usize, seconds: f64, mut frame: impl FnMut(f64) -> Image, mut see: impl FnMut(f64, &FrameResult)) {
    let mut live = LiveMirror::new(MIRROR.reader().clone(), LiveSettings { views, ..LiveSettings::default() });
    for i in 0..(seconds * RATE as f64) as usize {
        let at = i as f64 / RATE as f64;
        let result = live.process(Some(&frame(at)), &[], &Controls::default(), at).expect("a whole picture");
        see(at, &result);
    }
}

/// How somebody who stands sways, pixels.
fn sway(at: f64) -> f32 {
    10.0 * (2.2 * at as f32).sin()
}

/// Middle of the face of a slot's viewer.
fn place(result: &FrameResult, slot: usize) -> Option<f32> {
    let viewer = result.slots[slot].viewer?;
    let face = result.faces.iter().find(|face| face.id == Some(viewer))?;
    Some(face.observation.face.rect.x + face.observation.face.rect.w / 2.0)
}

#[test]
fn two_people_change_places_and_keep_their_reflections() {
    let people = people();
    let mut kept = 0;
    let pairs: Vec<(usize, usize)> = (0..PEOPLE / 2).map(|i| (i, i + PEOPLE / 2)).collect();
    for (near, far) in &pairs {
        let (mut before, mut after) = ([None; 2], [None; 2]);
        let frame = |at: f64| {
            // From two to four seconds each walks to where the other stood, the nearer one in front.
            let walked = ((at as f32 - 2.0) / 2.0).clamp(0.0, 1.0);
            let mut room = room();
            put(&mut room, &people[*far], [470.0 - 300.0 * walked + sway(at), 230.0], 200.0);
            put(&mut room, &people[*near], [170.0 + 300.0 * walked + sway(at + 1.0), 250.0], 260.0);
            room
        };
        watch(2, 6.0, frame, |at, result| {
            if at < 1.9 {
                before = [0, 1].map(|slot| place(result, slot).map(|x| x < 320.0));
            }
            after = [0, 1].map(|slot| place(result, slot).map(|x| x < 320.0));
        });
        let changed = [0, 1].map(|slot| before[slot].zip(after[slot]).is_some_and(|(b, a)| b != a));
        kept += usize::from(changed == [true; 2]);
    }
    assert_eq!(kept, pairs.len(), "pairs that keep their reflections");
}

#[test]
fn a_poster_behind_a_visitor_is_not_reflected_though_they_hide_it_for_a_while() {
    let people = people();
    let visitor_stays = 26.0;
    let frame = |at: f64| {
        let mut room = room();
        put(&mut room, &people[1], [540.0, 110.0], 110.0);
        // In the end they hide it for two seconds, and leave.
        let x = if at < visitor_stays - 2.0 { 270.0 } else { 530.0 };
        if at < visitor_stays {
            put(&mut room, &people[3], [x + sway(at), 200.0], 260.0);
        }
        room
    };
    let (mut poster_seen, mut visitor_lost) = (0, 0);
    watch(1, visitor_stays + 3.0, frame, |at, result| {
        let viewer = result.slots[0].viewer.and_then(|id| result.faces.iter().find(|face| face.id == Some(id)));
        let is_large = viewer.map(|face| face.observation.face.rect.w > 80.0);
        poster_seen += usize::from(is_large == Some(false));
        visitor_lost += usize::from((1.0..visitor_stays - 2.0).contains(&at) && is_large != Some(true));
    });
    assert_eq!(
        (poster_seen, visitor_lost),
        (0, 0),
        "frames in which the poster was reflected, and the visitor was not"
    );
}

/// In how many of these pictures the mirror sees a face.
fn found(pictures: &[Image]) -> usize {
    pictures.iter().filter(|picture| !MIRROR.eyes().analyse(picture).expect("whole").is_empty()).count()
}

/// Each of the people alone, after something was done to their picture.
fn each(change: impl Fn(&mut Image)) -> Vec<Image> {
    let alone = |mut person: Image| {
        change(&mut person);
        let mut room = room();
        put(&mut room, &person, [320.0, 240.0], 260.0);
        room
    };
    people().into_iter().map(alone).collect()
}

/// Fills an ellipse of a dream; shares of its side.
fn fill(picture: &mut Image, [x, y]: [f32; 2], [rx, ry]: [f32; 2], colour: [u8; 3]) {
    let side = picture.width as f32;
    for (i, pixel) in picture.data.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (dx, dy) = ((i % picture.width) as f32 / side - x, (i / picture.width) as f32 / side - y);
        if (dx / rx).powi(2) + (dy / ry).powi(2) < 1.0 {
            *pixel = colour;
        }
    }
}

#[test]
fn lamps_are_nobody() {
    let mut lamps = Vec::new();
    for (radius, y) in [(30.0, 90.0), (60.0, 200.0), (110.0, 240.0), (160.0, 240.0)] {
        let mut room = Image::flat(WIDTH, HEIGHT, [30, 28, 26]);
        for (i, pixel) in room.data.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (dx, dy) = ((i % WIDTH) as f32 - 320.0, (i / WIDTH) as f32 - y);
            let light = (radius / (dx * dx + dy * dy).sqrt().max(1.0)).powi(3).min(1.0);
            *pixel = [255.0, 240.0, 205.0].map(|c| (26.0 + light * (c - 26.0)) as u8);
        }
        lamps.push(room);
    }
    assert_eq!(found(&lamps), 0);
}

#[test]
fn a_bust_is_let_go_after_a_while() {
    let bust = &each(|person| {
        for pixel in person.data.as_chunks_mut::<3>().0 {
            let grey = frame::luma(*pixel);
            *pixel = [grey, grey, 0.97 * grey].map(|v| (120.0 + 0.5 * v) as u8);
        }
    })[3];
    let mut reflected_at_the_end = true;
    watch(1, 24.0, |_| bust.clone(), |_, result| reflected_at_the_end = result.slots[0].viewer.is_some());
    assert!(!reflected_at_the_end);
}

#[test]
fn sunglasses_and_masks_hide_few_and_a_camera_on_its_side_nearly_all() {
    let sunglasses = each(|p| {
        fill(p, [0.385, 0.42], [0.1, 0.07], [18, 16, 15]);
        fill(p, [0.615, 0.42], [0.1, 0.07], [18, 16, 15]);
    });
    let mask = each(|p| fill(p, [0.5, 0.76], [0.28, 0.24], [150, 180, 205]));
    let sideways: Vec<Image> = each(|_| {}).iter().map(|room| room.turned(1)).collect();
    if let Some(folder) = std::env::var_os("NARCISSUS_SCENES") {
        let file = |name: &str| std::path::Path::new(&folder).join(name);
        sunglasses[3].save(&file("sunglasses.png")).expect("a folder that can be written to");
        mask[3].save(&file("mask.png")).expect("a folder that can be written to");
    }
    let [plain, sunglasses, mask, sideways] =
        [each(|_| {}), sunglasses, mask, sideways].map(|pictures| found(&pictures));
    assert_eq!(plain, PEOPLE);
    assert!(sunglasses >= PEOPLE - 1 && mask >= PEOPLE - 1, "{sunglasses} with sunglasses, {mask} with masks");
    // What `--rotate` is for.
    assert!(sideways <= PEOPLE / 2, "{sideways} on their side");
}
