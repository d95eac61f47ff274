//! What may draw in place of the CPU.

use crate::latent::Latent;
use frame::Image;

/// Draws what a generator draws, elsewhere than on the CPU: a graphics card.
pub trait Accelerator: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// The picture of a latent, at a level that the generator has colours for.
    ///
    /// # Errors
    /// Why it cannot draw, in one line. It may hold up its caller for two seconds until it says so. It is not asked again.
    fn paint(&self, latent: &Latent, side: usize) -> Result<Image, String>;
}
