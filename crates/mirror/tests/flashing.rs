//! Whatever happens before it, the mirror does not flash: nothing in it goes bright and dark again more than twice a second.

use frame::Image;
use mirror::engine::Mirror;
use mirror::generator::samples;
use mirror::live::protocol::Controls;
use mirror::live::{LiveMirror, LiveSettings, Renderer};
use mirror::pack::Pack;

const RATE: usize = 30;
/// A change of relative luminance that counts, as in WCAG 2.2, "general flash".
const COUNTS: f32 = 0.1;
/// Pairs of opposite changes a second.
const MAX_HZ: usize = 2;

/// A face that the generator dreamt, in a room.
fn visitor(mirror: &Mirror, brightness: f32) -> Image {
    let face = samples(mirror.painter(), 1, 5).next().expect("one was asked for").1.resized(240, 240);
    let mut room = Image::flat(640, 480, [96, 100, 104]);
    room.paste(&face, 200, 120);
    room.data.iter_mut().for_each(|v| *v = (f32::from(*v) * brightness) as u8);
    room
}

/// Relative luminance, 0 to 1, averaged over the picture.
fn luminance(picture: &Image) -> f32 {
    let linear = |v: u8| (f32::from(v) / 255.0).powf(2.2);
    let of = |p: &[u8]| 0.2126 * linear(p[0]) + 0.7152 * linear(p[1]) + 0.0722 * linear(p[2]);
    picture.data.chunks_exact(3).map(of).sum::<f32>() / (picture.width * picture.height) as f32
}

/// The frames at which the luminance has turned by as much as counts.
fn turns(values: &[f32]) -> Vec<usize> {
    let (mut turns, mut extreme, mut rising) = (Vec::new(), values[0], None);
    for (i, v) in values.iter().enumerate() {
        let change = v - extreme;
        match rising {
            Some(up) if (change > 0.0) == up => extreme = *v,
            _ if change.abs() >= COUNTS => {
                turns.push(i);
                (rising, extreme) = (Some(change > 0.0), *v);
            }
            _ => {}
        }
    }
    turns
}

#[test]
fn turns_are_counted() {
    let flicker: Vec<f32> = (0..30).map(|i| if i % 6 < 3 { 0.2 } else { 0.5 }).collect();
    assert_eq!(turns(&flicker).len(), 9);
    assert_eq!(turns(&[0.2, 0.25, 0.2, 0.26]).len(), 0);
    assert_eq!(turns(&[0.0, 0.2, 0.4, 0.6]).len(), 1);
}

#[test]
fn it_does_not_flash_when_visitors_or_lights_do() {
    let mirror = Mirror::new(&Pack::embedded().unwrap()).unwrap();
    let (bright, dark, empty) = (visitor(&mirror, 1.0), visitor(&mirror, 0.45), Image::flat(640, 480, [90; 3]));
    assert!(!mirror.eyes().analyse(&bright).unwrap().is_empty() && !mirror.eyes().analyse(&dark).unwrap().is_empty());
    let somebody_flickers = |i: usize| if i % 6 < 3 { &bright } else { &empty };
    // Away just long enough to have left.
    let comes_and_goes = |i: usize| if i % 30 < 6 { &bright } else { &empty };
    let the_light_flickers = |i: usize| if i % 6 < 3 { &bright } else { &dark };
    let films: [(&str, Vec<&Image>); 3] = [
        ("somebody flickers", (0..6 * RATE).map(somebody_flickers).collect()),
        ("somebody comes and goes", (0..6 * RATE).map(comes_and_goes).collect()),
        ("the light flickers", (0..6 * RATE).map(the_light_flickers).collect()),
    ];
    // As fast as the frames come, and as slow as a large generator draws.
    for (name, film, frames_a_picture) in films.iter().flat_map(|(name, film)| [1, 5].map(|n| (name, film, n))) {
        let settings = LiveSettings::default();
        let mut live = LiveMirror::new(mirror.reader().clone(), settings);
        let renderer = Renderer::new(mirror.painter().clone(), &settings);
        let mut shown = 0.0;
        let mut reflect = |(i, picture): (usize, &&Image)| {
            let at = i as f64 / RATE as f64;
            let result = live.process(Some(picture), &renderer.rendered(), &Controls::default(), at).unwrap();
            if i % frames_a_picture == 0 {
                shown = luminance(renderer.render(&result.request, at)[0].picture.pixels());
            }
            shown
        };
        let values: Vec<f32> = film.iter().enumerate().map(&mut reflect).collect();
        let turns = turns(&values);
        for first in &turns {
            let within = turns.iter().filter(|t| (*first..first + RATE).contains(*t)).count();
            assert!(within <= 2 * MAX_HZ, "{name}, {frames_a_picture}: {within} changes within a second, {turns:?}");
        }
    }
}
