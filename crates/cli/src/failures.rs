//! What is said when something fails.

use train::runs::Progress;

pub use train::runs::one_line;

/// What failed of several inputs: each was named when it happened, so only their number; one alone speaks for itself.
#[derive(Default)]
pub struct Failures {
    count: usize,
    last: Option<anyhow::Error>,
}

impl Failures {
    /// Takes note of an error of one of `inputs` inputs; gives back its line.
    pub fn add(&mut self, error: anyhow::Error, inputs: usize, progress: &Progress) -> String {
        let line = one_line(&error);
        if inputs > 1 {
            progress.say(format!("error: {line}"));
        }
        self.count += 1;
        self.last = Some(error);
        line
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// An error if there was one.
    pub fn into_result(self, inputs: usize) -> anyhow::Result<()> {
        match self.last {
            None => Ok(()),
            Some(error) if inputs == 1 => Err(error),
            Some(_) => Err(anyhow::anyhow!("{} of {inputs} inputs could not be used", self.count)),
        }
    }
}
