//! Reading and writing the generator: safetensors in PyTorch's layouts with the paper's layer names.

use super::config::Config;
use super::input;
use super::network::{Generator, Shape, to_rgb_name};
use nn::io::{self, Dtype};
use nn::{Error, Param, Unset};
use std::collections::BTreeMap;
use std::path::Path;

/// The metadata entry `format` of our weight files.
pub const FORMAT: &str = "narcissus-pggan-1";

type Metadata = BTreeMap<String, String>;

const INPUT: &str = "4x4/Dense/weight";
const INPUT_BIAS: &str = "4x4/Dense/bias";

impl Generator {
    /// Reads a weight file for drawing. `ToRGB` layers below the full resolution may be missing; then lower levels
    /// of detail are grey.
    ///
    /// # Errors
    /// If the bytes are no such file: another format, a shape that cannot be, a tensor missing, of another shape or
    /// unknown.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (shape, file) = inspect(bytes)?;
        Self::empty(shape).filled(file)
    }

    /// Reads a weight file to learn on: the same pictures, with equalised learning rate.
    ///
    /// # Errors
    /// As [`Generator::from_bytes`].
    pub fn from_bytes_to_train(bytes: &[u8]) -> Result<Self, Error> {
        let (shape, file) = inspect(bytes)?;
        Self::equalized(shape, &mut Unset).filled(file)
    }

    /// Reads a weight file for drawing.
    ///
    /// # Errors
    /// If it cannot be read, or as [`Generator::from_bytes`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io { path: path.display().to_string(), source })?;
        Self::from_bytes(&bytes)
    }

    /// A generator for drawing whose tensors come one at a time, in the order of [`Generator::params`], each in the layout of
    /// our files and with the run-time scale multiplied in: so that no more than one is in memory twice. With `pixel_biases` the
    /// first layer has one bias a value, `[16 maps]`, in place of one a map.
    ///
    /// # Errors
    /// The first of the tensors'.
    ///
    /// # Panics
    /// If [`Config::check`] finds a fault, or a tensor has too many or too few values.
    pub fn from_tensors<E>(
        config: Config,
        metadata: Metadata,
        pixel_biases: bool,
        tensors: impl IntoIterator<Item = Result<Vec<f32>, E>>,
    ) -> Result<Self, E> {
        let mut generator = Self::empty(Shape { config, pixel_biases });
        let mut tensors = tensors.into_iter();
        for p in generator.params_mut() {
            io::fill(p, &tensors.next().expect("a tensor for every parameter")?);
        }
        generator.turn(input::pixels_first);
        generator.metadata = metadata;
        Ok(generator)
    }

    fn filled(mut self, file: io::Weights) -> Result<Self, Error> {
        self.metadata = io::fill_all(file, self.params_mut())?;
        self.turn(input::pixels_first);
        Ok(self)
    }

    /// Whether memory has the outputs of this parameter in another order than files.
    fn is_turned(&self, name: &str) -> bool {
        name == INPUT || name == INPUT_BIAS && self.pixel_biases()
    }

    fn turn(&mut self, reorder: fn(&mut Param)) {
        let turned = [INPUT, INPUT_BIAS].map(|name| self.is_turned(name).then_some(name));
        self.params_mut().into_iter().filter(|p| turned.contains(&Some(p.name.as_str()))).for_each(reorder);
    }

    /// A parameter of this generator as files have it: its shape and its values, run-time scale multiplied in.
    pub fn filed(&self, p: &Param) -> (Vec<usize>, Vec<f32>) {
        if self.is_turned(&p.name) {
            let mut p = p.clone();
            input::maps_first(&mut p);
            io::filed(&p)
        } else {
            io::filed(p)
        }
    }

    /// The bytes of a weight file; the metadata names the format and the shape besides the entries given here.
    pub fn to_bytes(&self, about: &BTreeMap<String, String>, dtype: Dtype) -> Vec<u8> {
        let mut metadata = about.clone();
        metadata.insert("format".into(), FORMAT.into());
        let c = self.config;
        for (key, value) in entries(c) {
            metadata.insert(key.into(), value.to_string());
        }
        let tensors = self.params().into_iter().map(|p| (p.name.clone(), self.filed(p))).collect();
        io::write(&io::Weights { metadata, tensors }, dtype)
    }

    /// Writes a weight file, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path, about: &BTreeMap<String, String>, dtype: Dtype) -> Result<(), Error> {
        Ok(host::write_atomically(path, &self.to_bytes(about, dtype))?)
    }
}

fn entries(c: Config) -> [(&'static str, usize); 5] {
    [
        ("resolution", c.resolution),
        ("fmap_base", c.fmap_base),
        ("fmap_max", c.fmap_max),
        ("fmap_min", c.fmap_min),
        ("latent_size", c.latent_size),
    ]
}

/// The shape and the tensors of a weight file, with grey `ToRGB` layers where it has none.
fn inspect(bytes: &[u8]) -> Result<(Shape, io::Weights), Error> {
    // Is it a generator's, and of which shape?
    let mut file = io::read(bytes)?;
    let found = file.metadata.get("format").map_or("nothing", String::as_str);
    if found != FORMAT {
        return Err(Error::Metadata(format!("format: expected \"{FORMAT}\", file has {found}")));
    }
    let number = |key: &str| -> Result<usize, Error> {
        let text = file.metadata.get(key).ok_or_else(|| Error::Metadata(format!("{key}: missing")))?;
        text.parse().map_err(|_| Error::Metadata(format!("{key}: expected a number, file has \"{text}\"")))
    };
    let config = Config {
        resolution: number("resolution")?,
        fmap_base: number("fmap_base")?,
        fmap_max: number("fmap_max")?,
        // Older files have none.
        fmap_min: if file.metadata.contains_key("fmap_min") { number("fmap_min")? } else { 1 },
        latent_size: number("latent_size")?,
    };
    config.check().map_err(|e| Error::Metadata(e.to_string()))?;

    // Before any memory is taken for the shape that the metadata promises: does the file hold that much?
    let promised = config.values();
    let held: usize = file.tensors.values().map(|(_, v)| v.len()).sum();
    if held < promised {
        return Err(Error::Metadata(format!("promises at least {promised} values, the tensors hold {held}")));
    }

    // Lower levels may have no way to colours.
    for level in 2..config.levels() {
        let (name, maps) = (to_rgb_name(&config, level), config.maps(level - 1));
        for (part, shape) in [("weight", vec![3, maps, 1, 1]), ("bias", vec![3])] {
            let len = shape.iter().product();
            file.tensors.entry(format!("{name}/{part}")).or_insert_with(|| (shape, vec![0.0; len]));
        }
    }
    let biases = file.tensors.get(INPUT_BIAS).map_or(0, |(_, v)| v.len());
    Ok((Shape { config, pixel_biases: biases == 16 * config.maps(1) }, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::{Rng, Tensor};

    const TINY: Config = Config { resolution: 16, fmap_base: 32, fmap_max: 6, fmap_min: 1, latent_size: 5 };

    fn about() -> BTreeMap<String, String> {
        BTreeMap::from([("dataset".to_string(), "none".to_string())])
    }

    #[test]
    fn pictures_survive_the_file_for_drawing_and_for_learning() {
        let mut rng = Rng::new(8);
        let a = Generator::new(TINY, &mut rng);
        let bytes = a.to_bytes(&about(), Dtype::F32);
        let z = Tensor::new([2, 1, 1, 5], rng.normals(10));
        let want = a.forward(&z);
        for b in [Generator::from_bytes(&bytes).unwrap(), Generator::from_bytes_to_train(&bytes).unwrap()] {
            let got = b.forward(&z);
            let error = got.data.iter().zip(&want.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error < 1e-5, "largest difference {error}");
            assert_eq!(b.metadata()["dataset"], "none");
            assert_eq!(b.config(), TINY);
        }
    }

    #[test]
    fn biases_of_pixels_survive_the_file_and_are_painted() {
        let mut rng = Rng::new(8);
        let plain = Generator::new(TINY, &mut rng);
        let file = io::read(&plain.to_bytes(&about(), Dtype::F32)).unwrap();
        let tensors = |biases: &[f32]| -> Vec<Result<Vec<f32>, Error>> {
            let params = plain.params();
            let value =
                |p: &&Param| if p.name == INPUT_BIAS { biases.to_vec() } else { file.tensors[&p.name].1.clone() };
            params.iter().map(value).map(Ok).collect()
        };
        let biases = rng.normals(16 * TINY.maps(1));
        let a = Generator::from_tensors(TINY, Metadata::new(), true, tensors(&biases)).unwrap();
        let b = Generator::from_bytes(&a.to_bytes(&about(), Dtype::F32)).unwrap();
        let z = Tensor::new([2, 1, 1, 5], rng.normals(10));
        assert_eq!(a.forward(&z), b.forward(&z));
        assert_eq!(a.up_to(3).forward(&z), a.forward_lod(&z, 1.0));
        let painted = crate::generator::Painter::new(&b).forward(&z);
        let error = painted.data.iter().zip(&a.forward(&z).data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error < 1e-4, "largest difference {error}");
        // The file has them by map, then by pixel; equal ones within a map are that map's bias.
        let filed = io::read(&a.to_bytes(&about(), Dtype::F32)).unwrap();
        assert_eq!(filed.tensors[INPUT_BIAS].1, biases);
        let equal: Vec<f32> = (0..16 * TINY.maps(1)).map(|i| (i / 16) as f32).collect();
        let wide = Generator::from_tensors(TINY, Metadata::new(), true, tensors(&equal)).unwrap();
        let few: Vec<f32> = (0..TINY.maps(1)).map(|m| m as f32).collect();
        let narrow = Generator::from_tensors(TINY, Metadata::new(), false, tensors(&few)).unwrap();
        assert_eq!(wide.forward(&z), narrow.forward(&z));
    }

    #[test]
    fn files_that_are_wrong_say_why() {
        let a = Generator::new(TINY, &mut Rng::new(8));
        let bytes = a.to_bytes(&about(), Dtype::F16);
        assert!(Generator::from_bytes(&bytes[..bytes.len() / 2]).is_err());
        let with = |change: &dyn Fn(&mut io::Weights)| {
            let mut file = io::read(&bytes).unwrap();
            change(&mut file);
            Generator::from_bytes(&io::write(&file, Dtype::F16)).map(|_| ()).map_err(|e| e.to_string())
        };
        let set = |key: &'static str, value: &'static str| {
            with(&move |f| {
                f.metadata.insert(key.into(), value.into());
            })
        };
        assert!(set("format", "other").unwrap_err().contains("expected \"narcissus-pggan-1\", file has other"));
        assert!(set("resolution", "17").unwrap_err().contains("power of two"));
        assert!(set("fmap_max", "many").unwrap_err().contains("expected a number"));
        assert!(set("latent_size", "8000").unwrap_err().contains("promises at least"));
        assert!(with(&|f| drop(f.tensors.remove("8x8/Conv0/weight"))).is_err());
        assert!(with(&|f| drop(f.tensors.remove("ToRGB_lod1/bias"))).is_ok());
        let extra = |f: &mut io::Weights| drop(f.tensors.insert("extra".into(), (vec![1], vec![0.0])));
        assert!(with(&extra).unwrap_err().contains("extra"));
    }

    #[test]
    fn promised_values_are_the_parameters() {
        let a = Generator::new(TINY, &mut Rng::new(8));
        let lower: usize = (2..TINY.levels()).map(|r| 3 * (TINY.maps(r - 1) + 1)).sum();
        assert_eq!(TINY.values() + lower, a.params().iter().map(|p| p.value.len()).sum::<usize>());
    }
}
