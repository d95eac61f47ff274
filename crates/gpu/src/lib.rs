//! The generator on a graphics card of any make.
//!
//! [`Plan`] says what a card must do for a picture: its buffers, its weights, and one step after the other with the shader of each (WGSL). It
//! knows nothing of cards, so that a browser can follow it as well. [`Card`] follows it on a card of this computer, through Vulkan, Metal or
//! DirectX 12. [`Roofline`] says what a card would need for it at best.
//!
//! Maps lie as `[quads of maps][rows][columns]`, four maps of a pixel side by side (a quad), so that invocations side by side read and write what
//! lies side by side.

#[cfg(feature = "native")]
mod card;
mod layout;
#[cfg(feature = "native")]
mod painter;
#[cfg(feature = "native")]
mod picture;
mod plan;
#[cfg(feature = "native")]
mod race;
mod roofline;
#[cfg(feature = "native")]
mod screen;
mod shader;

#[cfg(feature = "native")]
pub use card::{Adapter, Card, CardError};
#[cfg(feature = "native")]
pub use painter::CardPainter;
pub use plan::{Binding, Buffer, Pixels, Plan, PlanError, Step, Storage, Work};
#[cfg(feature = "native")]
pub use race::{faster, proven};
pub use roofline::Roofline;
#[cfg(feature = "native")]
pub use screen::Screen;
