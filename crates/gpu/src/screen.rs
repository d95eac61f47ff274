//! Shows pictures in a window from the card: enlarging and dissolving them for a large screen takes the CPU as long as drawing them.

use crate::card::{Card, CardError};
use frame::Image;

/// A window that a card draws to.
pub struct Screen {
    card: Card,
    surface: wgpu::Surface<'static>,
    configured: wgpu::SurfaceConfiguration,
    shading: Shading,
}

impl Screen {
    /// For a window, which it keeps.
    ///
    /// # Errors
    /// If the card does not show there.
    pub fn new(card: &Card, window: impl Into<wgpu::SurfaceTarget<'static>>) -> Result<Self, CardError> {
        let refused = |why: &str| card.refused(why.to_owned());
        let surface = card.instance.create_surface(window).map_err(|e| refused(&e.to_string()))?;
        let offered = surface.get_capabilities(&card.adapter);
        // Pictures have the screen's bytes already.
        let format = offered.formats.iter().find(|format| !format.is_srgb());
        let format = *format.ok_or_else(|| refused("it shows no pictures in this window"))?;
        let mut configured = surface.get_default_config(&card.adapter, 1, 1).ok_or_else(|| refused("no window"))?;
        configured.format = format;
        configured.present_mode = wgpu::PresentMode::AutoVsync;
        let shading = card.checked(|| Shading::new(card, format))?;
        Ok(Self { card: card.clone(), surface, configured, shading })
    }

    /// From now on the first picture dissolves into the second.
    pub fn show(&mut self, before: &Image, after: &Image) {
        self.shading.set_pictures(&self.card, before, after);
    }

    /// Shows so much of the second picture, and all so much darker, in a window of this size. Whether it did: not while the window is hidden.
    ///
    /// # Errors
    /// If the card or the window is lost.
    pub fn present(&mut self, (width, height): (u32, u32), share: f32, dim: f32) -> Result<bool, CardError> {
        use wgpu::CurrentSurfaceTexture::{Occluded, Outdated, Suboptimal, Success, Timeout};
        if (self.configured.width, self.configured.height) != (width, height) {
            (self.configured.width, self.configured.height) = (width, height);
            self.surface.configure(&self.card.device, &self.configured);
        }
        let texture = match self.surface.get_current_texture() {
            Success(texture) | Suboptimal(texture) => texture,
            Timeout | Occluded => return Ok(false),
            Outdated => {
                self.surface.configure(&self.card.device, &self.configured);
                return Ok(false);
            }
            lost => {
                let why = self.card.trouble().unwrap_or_else(|| format!("the window was lost: {lost:?}"));
                return Err(self.card.refused(why));
            }
        };
        let view = texture.texture.create_view(&wgpu::TextureViewDescriptor::default());
        self.shading.draw(&self.card, &view, (width, height), share, dim);
        self.card.queue.present(texture);
        self.card.check().map(|()| true)
    }
}

/// Draws two pictures over each other to any texture of a format.
struct Shading {
    pipeline: wgpu::RenderPipeline,
    frame: wgpu::Buffer,
    pictures: Option<Pictures>,
}

/// On the card.
struct Pictures {
    before: wgpu::Texture,
    after: wgpu::Texture,
    bindings: wgpu::BindGroup,
}

/// The bytes of `Frame` in screen.wgsl.
const FRAME_BYTES: u64 = 32;

impl Shading {
    fn new(card: &Card, format: wgpu::TextureFormat) -> Self {
        let module = card.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("screen"),
            source: wgpu::ShaderSource::Wgsl(include_str!("shaders/screen.wgsl").into()),
        });
        let pipeline = card.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("screen"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("corner"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("shade"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(format.into())],
            }),
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            multiview_mask: None,
            cache: None,
        });
        let frame = card.buffer(FRAME_BYTES, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
        Self { pipeline, frame, pictures: None }
    }

    fn set_pictures(&mut self, card: &Card, before: &Image, after: &Image) {
        let is_of = |texture: &wgpu::Texture, picture: &Image| {
            (texture.width() as usize, texture.height() as usize) == (picture.width, picture.height)
        };
        let kept = self.pictures.take().filter(|p| is_of(&p.before, before) && is_of(&p.after, after));
        let pictures = kept.unwrap_or_else(|| self.pictures_of(card, before, after));
        write(card, &pictures.before, before);
        write(card, &pictures.after, after);
        self.pictures = Some(pictures);
    }

    fn pictures_of(&self, card: &Card, before: &Image, after: &Image) -> Pictures {
        let [before, after] = [before, after].map(|picture| {
            card.device.create_texture(&wgpu::TextureDescriptor {
                label: Some("picture"),
                size: extent(picture),
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba8Unorm,
                usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            })
        });
        let views = [&before, &after].map(|t| t.create_view(&wgpu::TextureViewDescriptor::default()));
        let texture = |i: usize| wgpu::BindingResource::TextureView(&views[i]);
        let bindings = card.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("screen"),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: self.frame.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: texture(0) },
                wgpu::BindGroupEntry { binding: 2, resource: texture(1) },
            ],
        });
        Pictures { before, after, bindings }
    }

    /// Black before the first picture.
    fn draw(&self, card: &Card, to: &wgpu::TextureView, (width, height): (u32, u32), share: f32, dim: f32) {
        if let Some(pictures) = &self.pictures {
            // In the middle, as large as it fits.
            let (w, h) = (pictures.after.width() as f32, pictures.after.height() as f32);
            let scale = (width as f32 / w).min(height as f32 / h);
            let [w, h] = [w, h].map(|side| (side * scale).round().max(1.0));
            let [left, top] = [(width as f32 - w) / 2.0, (height as f32 - h) / 2.0].map(f32::floor);
            let values = [left, top, w, h, share, dim, 0.0, 0.0];
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            card.queue.write_buffer(&self.frame, 0, &bytes);
        }

        let mut encoder = card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: to,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
            })],
            ..wgpu::RenderPassDescriptor::default()
        });
        if let Some(pictures) = &self.pictures {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &pictures.bindings, &[]);
            pass.draw(0..3, 0..1);
        }
        drop(pass);
        card.queue.submit([encoder.finish()]);
    }
}

fn extent(picture: &Image) -> wgpu::Extent3d {
    wgpu::Extent3d { width: picture.width as u32, height: picture.height as u32, depth_or_array_layers: 1 }
}

fn write(card: &Card, texture: &wgpu::Texture, picture: &Image) {
    let rgba: Vec<u8> = picture.data.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, u8::MAX]).collect();
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * picture.width as u32), rows_per_image: None };
    card.queue.write_texture(texture.as_image_copy(), &rgba, layout, extent(picture));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What a screen of this size would show, as red, green and blue.
    fn shown(card: &Card, pictures: [&Image; 2], size: (u32, u32), share: f32, dim: f32) -> Image {
        let format = wgpu::TextureFormat::Rgba8Unorm;
        let mut shading = card.checked(|| Shading::new(card, format)).unwrap();
        shading.set_pictures(card, pictures[0], pictures[1]);
        let screen = card.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: size.0, height: size.1, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let draw = || {
            shading.draw(card, &screen.create_view(&wgpu::TextureViewDescriptor::default()), size, share, dim);
        };
        card.checked(draw).unwrap();

        // Rows of a copy begin at multiples of 256 bytes: widths here are multiples of 64.
        let reading = card.reading(u64::from(4 * size.0 * size.1));
        let mut encoder = card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * size.0), rows_per_image: None };
        let to = wgpu::TexelCopyBufferInfo { buffer: &reading, layout };
        encoder.copy_texture_to_buffer(screen.as_image_copy(), to, screen.size());
        card.queue.submit([encoder.finish()]);
        let mut data = Vec::new();
        let look = |bytes: &[u8]| data.extend(bytes.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]));
        card.read(&reading, Duration::from_secs(300), look).unwrap();
        Image { width: size.0 as usize, height: size.1 as usize, data }
    }

    fn noise(width: usize, height: usize, seed: u64) -> Image {
        let mut rng = nn::Rng::new(seed);
        let data = rng.normals(3 * width * height).iter().map(|v| (127.0 + 50.0 * v).clamp(0.0, 255.0) as u8).collect();
        Image { width, height, data }
    }

    #[test]
    fn a_picture_stands_in_the_middle_enlarged_as_the_cpu_enlarges_it() {
        let card = match Card::open_first() {
            Ok(card) => card,
            Err(why) => return eprintln!("skipped: {why}"),
        };
        let (before, after) = (noise(20, 16, 1), noise(20, 16, 2));
        // Larger, and smaller than the picture.
        for (size, (width, height), (left, top)) in [((192, 64), (80, 64), (56, 0)), ((64, 12), (15, 12), (24, 0))] {
            let found = shown(&card, [&before, &after], size, 0.25, 0.5);
            let [before, after] = [&before, &after].map(|picture| {
                let mut large = vec![0; 3 * width * height];
                kernels::resize_smoothly(&picture.data, (20, 16), &mut large, (width, height));
                large
            });
            for y in 0..size.1 as usize {
                for x in 0..size.0 as usize {
                    let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                    for c in 0..3 {
                        let found = f32::from(found.data[(y * size.0 as usize + x) * 3 + c]);
                        let at = || ((y - top) * width + x - left) * 3 + c;
                        let mixed = || 0.75 * f32::from(before[at()]) + 0.25 * f32::from(after[at()]);
                        let wanted = if inside { 0.5 * mixed() } else { 0.0 };
                        assert!((found - wanted).abs() < 2.0, "{x}, {y} of {size:?}: {found}, not {wanted}");
                    }
                }
            }
        }
    }
}
