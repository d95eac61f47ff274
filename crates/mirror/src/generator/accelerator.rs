//! What may draw in place of the CPU.

use crate::latent::Latent;
use frame::Image;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// Draws what a generator draws, elsewhere than on the CPU: a graphics card.
pub trait Accelerator: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// The picture of a latent, at a level that the generator has colours for.
    ///
    /// # Errors
    /// Why it cannot draw, in one line. It may hold up its caller for two seconds until it says so. It is not asked again.
    fn paint(&self, latent: &Latent, side: usize) -> Result<Image, String>;

    /// The same, left in its own memory. The picture is done when this returns.
    ///
    /// # Errors
    /// As [`Accelerator::paint`].
    fn paint_there(&self, latent: &Latent, side: usize) -> Result<Arc<dyn RemotePicture>, String>;
}

/// A picture in the memory of an accelerator. Whoever shows pictures from there knows its type.
pub trait RemotePicture: Any + Debug + Send + Sync {
    /// Its pixels, brought here.
    ///
    /// # Errors
    /// Why they cannot be had any more, in one line.
    fn read(&self) -> Result<Image, String>;
}
