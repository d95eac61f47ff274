//! Tests of [`super`].

use super::*;
use crate::gan::schedule::Schedule;
use frame::Image;

const TINY: Config = Config { resolution: 16, fmap_base: 32, fmap_max: 8, fmap_min: 1, latent_size: 6 };
const RULES: TrainingRules = TrainingRules {
    loss: Loss::LogisticR1,
    r1_gamma: 1.0,
    r1_every: 2,
    augment_target: None,
    rate: 0.002,
    average_over: 100.0,
    average_share: Some(0.05),
};

fn data() -> Dataset {
    let mut rng = Rng::new(9);
    let image = |_| {
        let (r, g) = (rng.below(256), rng.below(256));
        let pixel = |i: usize| [r as u8, g as u8, (i / 16) as u8 % 200];
        Image { width: 128, height: 128, data: (0..128 * 128).flat_map(pixel).collect() }
    };
    Dataset::of_images("a test", &(0..6).map(image).collect::<Vec<_>>(), 4)
}

fn go(trainer: &mut Trainer, data: &Dataset, steps: u64, rules: &TrainingRules) -> Vec<StepFigures> {
    let schedule = Schedule::new(2, 4, false);
    let step = |_| {
        let (level, fade) = schedule.at(trainer.steps as f64 / 24.0);
        trainer.set_level(level, fade);
        trainer.step(data, 4, rules)
    };
    (0..steps).map(step).collect()
}

#[test]
fn a_run_that_was_killed_goes_on_bit_for_bit() {
    let data = data();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    for loss in [Loss::LogisticR1, Loss::WganGp] {
        let rules = TrainingRules { loss, ..RULES };
        let mut whole = Trainer::new(TINY, 1);
        whole.augment = 0.5;
        go(&mut whole, &data, 10, &rules);
        whole.save(&path, 3.5, &RunOptions::of("gan")).unwrap();
        let expected = go(&mut whole, &data, 8, &rules);
        let mut resumed = Trainer::new(TINY, 77);
        assert_eq!(resumed.restore(&path, &RunOptions::of("gan")).unwrap(), 3.5);
        assert_eq!(go(&mut resumed, &data, 8, &rules), expected);
        for (a, b) in [(&whole.g, &resumed.g), (&whole.averaged, &resumed.averaged)] {
            assert!(a.params().iter().zip(b.params()).all(|(a, b)| a.value == b.value));
        }
        assert!(whole.d.params().iter().zip(resumed.d.params()).all(|(a, b)| a.value == b.value));
    }
}

#[test]
fn augmentation_follows_the_discriminators_sureness() {
    let (data, rules) = (data(), TrainingRules { augment_target: Some(0.6), ..RULES });
    let mut trainer = Trainer::new(TINY, 1);
    (trainer.augment, trainer.sureness) = (0.5, 1.0);
    trainer.adapt(1.0, 1000, &rules);
    assert!((trainer.augment - 0.51).abs() < 1e-6);
    trainer.augment = AUGMENT_MOST;
    trainer.adapt(1.0, 1000, &rules);
    assert_eq!(trainer.augment, AUGMENT_MOST);
    trainer.sureness = 0.0;
    trainer.adapt(0.0, 1000, &rules);
    assert!((trainer.augment - AUGMENT_MOST + 0.01).abs() < 1e-6);
    let augment = trainer.augment;
    trainer.adapt(1.0, 1000, &RULES);
    assert_eq!(trainer.augment, augment, "no target, no change");
    trainer.set_level(2, 0.0);
    let figures = trainer.step(&data, 4, &rules);
    assert!((-1.0..=1.0).contains(&figures.sureness));
}

#[test]
fn players_that_grow_draw_and_judge_as_before() {
    let mut rng = Rng::new(5);
    let small = Trainer::new(TINY, 3);
    let config = Config { resolution: 32, fmap_min: 4, ..TINY };
    let g = small.g.grown(config, &mut rng).unwrap();
    let d = small.d.grown(config, &mut rng);
    let z = Tensor::new([4, 1, 1, 6], rng.normals(24));
    let pictures = small.g.forward(&z);
    assert_eq!(g.forward_lod(&z, 1.0), pictures);
    assert_eq!(d.forward_tape(&pictures, 1.0).scores(), small.d.forward_tape(&pictures, 0.0).scores());
    // At the begin of the fade a picture is the smaller one enlarged, and is judged as that is.
    let faded = g.forward_lod(&z, 0.999);
    let enlarged = nn::Upsample.forward(&pictures);
    assert!(faded.data.iter().zip(&enlarged.data).all(|(a, b)| (a - b).abs() < 0.01));
    assert!(small.g.grown(Config { fmap_max: 5, ..config }, &mut rng).is_err());
    assert!(g.grown(TINY, &mut rng).is_err());
}

#[test]
fn a_checkpoint_of_other_nets_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    Trainer::new(TINY, 1).save(&path, 0.0, &RunOptions::of("gan")).unwrap();
    assert!(Trainer::new(Config { fmap_max: 4, ..TINY }, 1).restore(&path, &RunOptions::of("gan")).is_err());
}

#[test]
fn a_generator_learns_the_colours_of_its_archive() {
    let data = data();
    let rules = TrainingRules { rate: 0.01, ..RULES };
    let mut trainer = Trainer::new(TINY, 2);
    trainer.set_level(2, 0.0);
    let blue = |t: &Trainer| {
        let x = t.averaged.forward_lod(&Tensor::new([32, 1, 1, 6], Rng::new(4).normals(192)), 2.0);
        x.data.iter().skip(2).step_by(3).sum::<f32>() / (x.len() / 3) as f32
    };
    let want = data.draw(64, 2, 0.0, &mut Rng::new(1)).data.iter().skip(2).step_by(3).sum::<f32>() / (64.0 * 16.0);
    for _ in 0..250 {
        let figures = trainer.step(&data, 8, &rules);
        assert!(figures.loss_g.is_finite() && figures.loss_d.is_finite());
    }
    assert_eq!(trainer.finished().config().resolution, 4);
    trainer.set_level(4, 0.5);
    assert_eq!(trainer.finished().config().resolution, 8);
    assert!((blue(&trainer) - want).abs() < 0.25, "mean blue {} against {want}", blue(&trainer));
}

#[test]
fn a_discriminator_alone_learns_to_tell_a_generator_from_the_archive() {
    let data = data();
    let mut trainer = Trainer::of_generator(Generator::new(TINY, &mut Rng::new(5)), Rng::new(6));
    let before: Vec<_> = trainer.g.params().into_iter().cloned().collect();
    let schedule = Schedule::new(2, 4, false);
    let mut last = StepFigures::default();
    for step in 0..120 {
        let (level, fade) = schedule.at(f64::from(step) / 100.0);
        trainer.set_level(level, fade);
        last = trainer.step_alone(&data, 8, &RULES);
    }
    assert!(last.score_real > last.score_fake + 0.5, "real {}, fake {}", last.score_real, last.score_fake);
    assert!(before.iter().zip(trainer.g.params()).all(|(a, b)| a.value == b.value));
}
