//! The one kind of tensor: a batch of pictures.

/// `[n, h, w, c]` f32 values; vectors are `[n, 1, 1, c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Pictures, rows, columns, maps.
    pub shape: [usize; 4],
    /// `n * h * w * c` values, the maps of a pixel side by side.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A tensor of these values.
    ///
    /// # Panics
    /// If there are not as many values as the shape says.
    pub fn new(shape: [usize; 4], data: Vec<f32>) -> Self {
        assert_eq!(data.len(), shape.iter().product::<usize>(), "values for shape {shape:?}");
        Self { shape, data }
    }

    /// All zero.
    pub fn zeros(shape: [usize; 4]) -> Self {
        Self { shape, data: vec![0.0; shape.iter().product()] }
    }

    /// Pictures.
    pub fn n(&self) -> usize {
        self.shape[0]
    }

    /// Rows.
    pub fn h(&self) -> usize {
        self.shape[1]
    }

    /// Columns.
    pub fn w(&self) -> usize {
        self.shape[2]
    }

    /// Maps.
    pub fn c(&self) -> usize {
        self.shape[3]
    }

    /// Values in all.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Values a picture.
    pub fn row_len(&self) -> usize {
        self.shape[1] * self.shape[2] * self.shape[3]
    }

    /// The pictures, one slice each.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.data.chunks_exact(self.row_len().max(1))
    }
}

/// The sum of two tensors of one shape; its gradient passes to both unchanged.
///
/// # Panics
/// If the shapes differ.
pub fn add(a: &Tensor, b: &Tensor) -> Tensor {
    assert_eq!(a.shape, b.shape);
    Tensor::new(a.shape, a.data.iter().zip(&b.data).map(|(a, b)| a + b).collect())
}
