//! What every training run shares: the data folder, the run's own folder with its log and checkpoints, the training loop, and
//! what people are told meanwhile.

mod checkpoint;
mod data_folder;
mod lesson;
mod progress;
mod session;

pub use checkpoint::{Checkpoint, start_from};
pub use data_folder::data_root;
pub use lesson::{Lesson, LessonOptions, Network, TrainedNet, Validation, backpropagate, train};
pub use progress::{bar, say};
pub use session::Session;
