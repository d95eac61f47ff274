//! The graphics cards of this computer.

use frame::Image;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use wgpu::{Backends, DeviceType, ErrorFilter};

/// A card, or what a computer has in place of one, under one of its interfaces.
#[derive(Clone, Debug)]
pub struct Adapter {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
}

impl Adapter {
    /// All adapters, those first that are likely to be fastest.
    pub fn all() -> Vec<Self> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
        let instance = wgpu::Instance::new(descriptor);
        let found = pollster::block_on(instance.enumerate_adapters(Backends::all()));
        let mut adapters: Vec<Self> =
            found.into_iter().map(|adapter| Self { instance: instance.clone(), adapter }).collect();
        adapters.sort_by_key(|adapter| match adapter.adapter.get_info().device_type {
            DeviceType::DiscreteGpu => 0,
            DeviceType::IntegratedGpu => 1,
            DeviceType::VirtualGpu => 2,
            DeviceType::Other => 3,
            DeviceType::Cpu => 4,
        });
        adapters
    }

    /// Its name, as its driver has it.
    pub fn name(&self) -> String {
        self.adapter.get_info().name
    }

    /// Whether it is a software renderer, which runs on the CPU and is of no use but to prove the shaders.
    pub fn is_cpu(&self) -> bool {
        self.adapter.get_info().device_type == DeviceType::Cpu
    }
}

impl Display for Adapter {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let info = self.adapter.get_info();
        let kind = match info.device_type {
            DeviceType::DiscreteGpu => "a card",
            DeviceType::IntegratedGpu => "beside the CPU",
            DeviceType::VirtualGpu => "of a virtual machine",
            DeviceType::Cpu => "software on the CPU",
            DeviceType::Other => "of unknown kind",
        };
        write!(f, "{} ({:?}, {kind}", info.name, info.backend)?;
        if !info.driver.is_empty() {
            write!(f, ", {} {}", info.driver, info.driver_info)?;
        }
        write!(f, ")")
    }
}

/// Why a card does not draw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// There is none.
    #[error("no graphics card that Vulkan, Metal or DirectX 12 knows")]
    None,
    /// It cannot be opened, or refuses a shader, a buffer or a command, or draws what is wrong.
    #[error("{name}: {why}")]
    Refused {
        /// Its name.
        name: String,
        /// What its driver says.
        why: String,
    },
    /// The net cannot be drawn there.
    #[error(transparent)]
    Plan(#[from] crate::PlanError),
}

/// A card that was opened.
#[derive(Clone)]
pub struct Card {
    pub(crate) instance: wgpu::Instance,
    pub(crate) adapter: wgpu::Adapter,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    name: Arc<str>,
    trouble: Arc<Mutex<Option<String>>>,
    /// Buffers of pictures that nobody uses now.
    pub(crate) pictures: Arc<Mutex<Vec<wgpu::Buffer>>>,
}

impl Card {
    /// Opens the first of all adapters.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    pub fn open_first() -> Result<Self, CardError> {
        Self::open(Adapter::all().first().ok_or(CardError::None)?)
    }

    /// Opens an adapter.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(adapter: &Adapter) -> Result<Self, CardError> {
        let name = adapter.name();
        // What a generator's largest maps and all its weights take may be more than any card must offer.
        let offered = adapter.adapter.limits();
        let limits = wgpu::Limits {
            max_buffer_size: offered.max_buffer_size,
            max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
            ..wgpu::Limits::default()
        };
        let request = adapter.adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("narcissus"),
            required_limits: limits.or_worse_values_from(&offered),
            ..wgpu::DeviceDescriptor::default()
        });
        let (device, queue) =
            pollster::block_on(request).map_err(|e| CardError::Refused { name: name.clone(), why: one_line(&e) })?;

        // Without this an error ends the program.
        let trouble = Arc::new(Mutex::new(None));
        let (lost, refused) = (trouble.clone(), trouble.clone());
        device.set_device_lost_callback(move |_, why| note(&lost, format!("the card was lost: {why}")));
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| note(&refused, one_line(&e))));
        let (instance, adapter) = (adapter.instance.clone(), adapter.adapter.clone());
        Ok(Self { instance, adapter, device, queue, name: name.into(), trouble, pictures: Arc::default() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first thing that went wrong with it since it was opened. It is of no use from then on.
    pub fn trouble(&self) -> Option<String> {
        frame::lock(&self.trouble).clone()
    }

    /// That nothing went wrong with it so far.
    pub(crate) fn check(&self) -> Result<(), CardError> {
        self.trouble().map_or(Ok(()), |why| Err(self.refused(why)))
    }

    pub(crate) fn refused(&self, why: String) -> CardError {
        CardError::Refused { name: self.name.to_string(), why }
    }

    /// Waits until it has done all that was given to it, for so long at most. A program that ends before may take a driver with it that still
    /// works.
    pub fn finish(&self, patience: Duration) {
        // Whether it came to an end does not matter any more.
        let _ = self.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(patience) });
    }

    /// The first; a test that has none says that it skips.
    #[cfg(test)]
    pub(crate) fn of_a_test() -> Option<Self> {
        let card = Self::open_first();
        if let Err(error) = &card {
            assert_eq!(*error, CardError::None);
            eprintln!("skipped: {error}");
        }
        card.ok()
    }

    /// Lets go of it, as if it had been pulled out.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        note(&self.trouble, "the card was let go of".into());
        self.device.destroy();
    }

    pub(crate) fn buffer(&self, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    }

    /// A buffer to be copied to, and read from there.
    pub(crate) fn reading(&self, size: u64) -> wgpu::Buffer {
        self.buffer(size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)
    }

    /// The weights of a plan.
    pub(crate) fn weights(&self, bytes: &[u8]) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let weights = self.buffer(bytes.len() as u64, usage);
        self.queue.write_buffer(&weights, 0, bytes);
        weights
    }

    /// What a buffer holds once all that was submitted is done.
    ///
    /// # Errors
    /// If the card is lost, refuses what was submitted, or has not done it in time.
    pub(crate) fn read(
        &self,
        buffer: &wgpu::Buffer,
        patience: Duration,
        look: impl FnOnce(&[u8]),
    ) -> Result<(), CardError> {
        let refused = |error: &dyn std::error::Error| self.refused(one_line(error));
        self.check()?;
        let (sender, receiver) = mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |mapped| {
            // Whoever waits may have given up.
            let _ = sender.send(mapped);
        });
        self.wait(patience)?;
        // Another thread that polls may be just about to say so.
        let mapped = receiver.recv_timeout(patience).map_err(|e| refused(&e))?;
        mapped.map_err(|e| refused(&e))?;
        look(&buffer.get_mapped_range(..).map_err(|e| refused(&e))?);
        buffer.unmap();
        Ok(())
    }

    /// The picture that a buffer holds once all that was submitted is done, four bytes a pixel.
    ///
    /// # Errors
    /// As [`Card::read`].
    pub(crate) fn read_picture(
        &self,
        buffer: &wgpu::Buffer,
        (width, height): (usize, usize),
        patience: Duration,
    ) -> Result<Image, CardError> {
        let mut data = Vec::with_capacity(3 * width * height);
        self.read(buffer, patience, |bytes| {
            data.extend(bytes.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]));
        })?;
        Ok(Image { width, height, data })
    }

    /// Waits until all that was submitted is done.
    ///
    /// # Errors
    /// If the card is lost, refuses what was submitted, or has not done it in time.
    pub(crate) fn wait(&self, patience: Duration) -> Result<(), CardError> {
        let waited = self.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(patience) });
        if waited.is_err() {
            // What is asked of it next would wait behind this.
            note(&self.trouble, format!("no picture after {} ms", patience.as_millis()));
        }
        self.check()
    }

    /// What is made within, or why the card refuses any of it.
    pub(crate) fn checked<T>(&self, make: impl FnOnce() -> T) -> Result<T, CardError> {
        let filters = [ErrorFilter::OutOfMemory, ErrorFilter::Validation, ErrorFilter::Internal];
        let scopes = filters.map(|filter| self.device.push_error_scope(filter));
        let made = make();
        // The last that was opened is closed first.
        let errors = scopes.into_iter().rev().map(|scope| pollster::block_on(scope.pop()));
        let error = errors.collect::<Vec<_>>().into_iter().flatten().next();
        error.map_or(Ok(()), |e| Err(self.refused(one_line(&e))))?;
        self.check().map(|()| made)
    }
}

fn note(trouble: &Mutex<Option<String>>, why: String) {
    frame::lock(trouble).get_or_insert(why);
}

/// An error and what it came of, in one line.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
