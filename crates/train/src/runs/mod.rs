//! What every training run shares: the data folder, the run's own folder with its log and checkpoints, the training loop, and
//! what people are told meanwhile.

mod checkpoint;
mod data_folder;
mod lesson;
mod progress;
mod training_run;

pub use checkpoint::{Checkpoint, RunOptions, start_from};
pub use data_folder::data_root;
pub use lesson::{LearningNet, Lesson, LessonOptions, TrainedNet, Validation, backpropagate, train};
pub use progress::{Progress, bar, one_line, say};
pub use training_run::TrainingRun;
