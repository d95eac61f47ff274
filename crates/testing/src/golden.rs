//! Goldens: numbers that a reference implementation computed, in safetensors files under `testdata/`.

use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// The tensors of one golden file.
#[derive(Clone, Debug)]
pub struct Golden {
    name: String,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// Shape and values by name, as the file has them.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    /// The values of a tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    #[track_caller]
    pub fn values(&self, tensor: &str) -> &[f32] {
        &self.get(tensor).1
    }

    /// The extents of a tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    #[track_caller]
    pub fn shape(&self, tensor: &str) -> &[usize] {
        &self.get(tensor).0
    }

    #[track_caller]
    fn get(&self, tensor: &str) -> &(Vec<usize>, Vec<f32>) {
        let names = || self.tensors.keys().cloned().collect::<Vec<_>>().join(", ");
        self.tensors.get(tensor).unwrap_or_else(|| panic!("golden {}: no \"{tensor}\", only {}", self.name, names()))
    }
}

/// Reads `testdata/NAME.safetensors`, for example `golden("nn/conv3x3")`.
///
/// # Panics
/// If it is missing, unreadable, or holds anything but f32.
#[track_caller]
pub fn golden(name: &str) -> Golden {
    read_golden(&crate::testdata().join(format!("{name}.safetensors")))
}

/// Reads any safetensors file of f32 tensors.
///
/// # Panics
/// If it is missing, unreadable, or holds anything but f32.
#[track_caller]
pub fn read_golden(path: &Path) -> Golden {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("golden {name}: {e}; the script beside it makes it"));
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap_or_else(|e| panic!("golden {name}: {e}"));
    let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("golden {name}: {e}"));
    let tensors = file.tensors().into_iter().map(|(tensor, view)| {
        assert_eq!(view.dtype(), Dtype::F32, "golden {name}: \"{tensor}\"");
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        (tensor, (view.shape().to_vec(), values))
    });
    let tensors = tensors.collect();
    Golden { name, metadata: header.metadata().clone().unwrap_or_default().into_iter().collect(), tensors }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    #[test]
    fn a_golden_gives_back_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = [1.0_f32, -2.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![1, 2], &bytes).unwrap();
        let path = dir.path().join("x.safetensors");
        std::fs::write(&path, safetensors::serialize([("y", view)], None).unwrap()).unwrap();
        let golden = read_golden(&path);
        assert_eq!(golden.values("y"), [1.0, -2.5]);
        assert_eq!(golden.shape("y"), [1, 2]);
    }

    #[test]
    #[should_panic(expected = "nowhere")]
    fn a_missing_golden_names_itself() {
        golden("nowhere");
    }
}
