//! Shows pictures in a window from the card: enlarging and dissolving them for a large screen takes the CPU as long as drawing them.

use crate::card::{Card, CardError};
use crate::picture::CardPicture;
use mirror::generator::Picture;
use std::any::Any;
use std::sync::Arc;

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

    /// From now on what is there gives way to these pictures of one size in a row. `share`: how much of the row before has come to be there, the
    /// rest being the one before that. Pictures of this card stay there; the pixels of others are brought to it.
    pub fn show(&mut self, row: &[Arc<Picture>], share: f32) {
        self.shading.show(&self.card, row, share);
    }

    /// Shows so much of the newest row, and all so much darker, in a window of this size. Whether it did: not while the window is hidden.
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

/// Draws two rows of pictures over each other to any texture of a format.
struct Shading {
    screen: wgpu::RenderPipeline,
    blend: wgpu::ComputePipeline,
    frame: wgpu::Buffer,
    blended: wgpu::Buffer,
    rows: Option<Rows>,
}

/// What gives way, and what comes.
struct Rows {
    before: Row,
    after: Row,
    bindings: wgpu::BindGroup,
}

/// Pictures of one size in a row.
struct Row {
    /// The pictures one below the other.
    stacked: Arc<CardPicture>,
    count: usize,
}

impl Row {
    fn of(card: &Card, pictures: &[Arc<Picture>]) -> Self {
        let on_card: Vec<Arc<CardPicture>> = pictures.iter().map(|picture| on_card(card, picture)).collect();
        let stacked = match &on_card[..] {
            [] => CardPicture::of(card, &frame::Image::flat(1, 1, [0; 3])),
            [one] => one.clone(),
            all => CardPicture::stacked(card, all),
        };
        Self { stacked, count: pictures.len().max(1) }
    }

    /// Width and height of one of its pictures.
    fn tile(&self) -> (usize, usize) {
        let (width, height) = self.stacked.size();
        (width, height / self.count)
    }

    fn size(&self) -> (usize, usize) {
        let (width, height) = self.tile();
        (width * self.count, height)
    }
}

/// A picture on this card: where it was drawn, or brought there.
fn on_card(card: &Card, picture: &Picture) -> Arc<CardPicture> {
    let there = picture.there().cloned().map(|there| there as Arc<dyn Any + Send + Sync>);
    let ours = there.and_then(|there| there.downcast::<CardPicture>().ok()).filter(|there| there.is_on(card));
    ours.unwrap_or_else(|| CardPicture::of(card, picture.pixels()))
}

/// The bytes of `Frame` in screen.wgsl, and of `Blend` in blend.wgsl.
const FRAME_BYTES: u64 = 48;
const BLEND_BYTES: u64 = 16;
/// Pixels of a workgroup of blend.wgsl.
const BLENDED_AT_ONCE: u32 = 256;

impl Shading {
    fn new(card: &Card, format: wgpu::TextureFormat) -> Self {
        let module = |label, source: &'static str| {
            let source = wgpu::ShaderSource::Wgsl(source.into());
            card.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source })
        };
        let shading = module("screen", include_str!("shaders/screen.wgsl"));
        let screen = card.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("screen"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &shading,
                entry_point: Some("corner"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &shading,
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
        let blend = card.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("blend"),
            layout: None,
            module: &module("blend", include_str!("shaders/blend.wgsl")),
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let uniform = |bytes| card.buffer(bytes, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
        Self { screen, blend, frame: uniform(FRAME_BYTES), blended: uniform(BLEND_BYTES), rows: None }
    }

    fn show(&mut self, card: &Card, row: &[Arc<Picture>], share: f32) {
        let after = Row::of(card, row);
        let before = match self.rows.take() {
            None => Row::of(card, &[]),
            // Rows of two sizes have no pixels in common.
            Some(Rows { before, after, .. }) if share == 1.0 || before.size() != after.size() => after,
            Some(Rows { before, after, .. }) => self.blend(card, &before, after, share),
        };
        let buffers = [self.frame.as_entire_binding(), before.stacked.binding(), after.stacked.binding()];
        let bindings = bind(card, &self.screen.get_bind_group_layout(0), buffers);
        self.rows = Some(Rows { before, after, bindings });
    }

    /// So much of the second row over the first, which is as large.
    fn blend(&self, card: &Card, before: &Row, Row { stacked: after, count }: Row, share: f32) -> Row {
        let now = CardPicture::blank(card, after.size());
        let pixels = (now.size().0 * now.size().1) as u32;
        let values: Vec<u8> = [share.to_le_bytes(), pixels.to_le_bytes(), [0; 4], [0; 4]].concat();
        card.queue.write_buffer(&self.blended, 0, &values);
        let buffers = [self.blended.as_entire_binding(), before.stacked.binding(), after.binding(), now.binding()];
        let bindings = bind(card, &self.blend.get_bind_group_layout(0), buffers);
        let mut encoder = card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.blend);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(pixels.div_ceil(BLENDED_AT_ONCE), 1, 1);
        drop(pass);
        card.queue.submit([encoder.finish()]);
        Row { stacked: now, count }
    }

    /// Black before the first picture.
    fn draw(&self, card: &Card, to: &wgpu::TextureView, (width, height): (u32, u32), share: f32, dim: f32) {
        if let Some(rows) = &self.rows {
            // In the middle, as large as it fits.
            let sizes = [&rows.before, &rows.after].map(|row| [row.size().0 as f32, row.size().1 as f32]);
            let tiles = [&rows.before, &rows.after].map(|row| row.tile().0 as f32);
            let [w, h] = sizes[1];
            let scale = (width as f32 / w).min(height as f32 / h);
            let [w, h] = [w, h].map(|side| (side * scale).round().max(1.0));
            let [left, top] = [(width as f32 - w) / 2.0, (height as f32 - h) / 2.0].map(f32::floor);
            let values = [[left, top], [w, h], sizes[0], sizes[1], tiles, [share, dim]];
            let bytes: Vec<u8> = values.as_flattened().iter().flat_map(|v| v.to_le_bytes()).collect();
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
        if let Some(rows) = &self.rows {
            pass.set_pipeline(&self.screen);
            pass.set_bind_group(0, &rows.bindings, &[]);
            pass.draw(0..3, 0..1);
        }
        drop(pass);
        card.queue.submit([encoder.finish()]);
    }
}

/// Buffers for a shader, bound in this order.
fn bind<const N: usize>(
    card: &Card,
    layout: &wgpu::BindGroupLayout,
    buffers: [wgpu::BindingResource; N],
) -> wgpu::BindGroup {
    let entries: Vec<_> =
        (0..).zip(buffers).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
    card.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CardPainter, Storage};
    use frame::Image;
    use mirror::generator::{Config, Generator, Painter};
    use mirror::latent::Latent;
    use std::time::Duration;

    const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

    /// What a screen of this size would show, as red, green and blue.
    fn drawn(card: &Card, shading: &Shading, size: (u32, u32), share: f32, dim: f32) -> Image {
        let screen = card.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: size.0, height: size.1, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
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
        card.read_picture(&reading, (size.0 as usize, size.1 as usize), Duration::from_secs(300)).unwrap()
    }

    fn noise(width: usize, height: usize, seed: u64) -> Image {
        let mut rng = nn::Rng::new(seed);
        let data = rng.normals(3 * width * height).iter().map(|v| (127.0 + 50.0 * v).clamp(0.0, 255.0) as u8).collect();
        Image { width, height, data }
    }

    fn row(pictures: &[&Image]) -> Vec<Arc<Picture>> {
        pictures.iter().map(|picture| Arc::new((*picture).clone().into())).collect()
    }

    #[test]
    fn a_picture_stands_in_the_middle_enlarged_as_the_cpu_enlarges_it() {
        let Some(card) = Card::of_a_test() else { return };
        let (before, after) = (noise(20, 16, 1), noise(20, 16, 2));
        let mut shading = card.checked(|| Shading::new(&card, FORMAT)).unwrap();
        [&before, &after].into_iter().for_each(|picture| shading.show(&card, &row(&[picture]), 1.0));
        // Larger, and smaller than the picture.
        for (size, (width, height), (left, top)) in [((192, 64), (80, 64), (56, 0)), ((64, 12), (15, 12), (24, 0))] {
            let found = drawn(&card, &shading, size, 0.25, 0.5);
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

    #[test]
    fn pictures_stand_in_a_row() {
        let Some(card) = Card::of_a_test() else { return };
        let pictures = [1, 2, 3].map(|seed| noise(16, 16, seed));
        let mut shading = card.checked(|| Shading::new(&card, FORMAT)).unwrap();
        shading.show(&card, &row(&[&pictures[2], &pictures[0], &pictures[1]]), 1.0);
        shading.show(&card, &row(&pictures.each_ref()), 1.0);
        let shown = |share| drawn(&card, &shading, (64, 16), share, 0.0);
        for (share, order) in [(0.0, [2, 0, 1]), (1.0, [0, 1, 2])] {
            let (found, mut wanted) = (shown(share), Image::flat(64, 16, [0; 3]));
            order.iter().enumerate().for_each(|(i, n)| wanted.paste(&pictures[*n], 8 + 16 * i, 0));
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn what_is_there_gives_way_from_where_it_came_to() {
        let Some(card) = Card::of_a_test() else { return };
        let mut shading = card.checked(|| Shading::new(&card, FORMAT)).unwrap();
        let size = (64, 64);
        assert_eq!(drawn(&card, &shading, size, 1.0, 0.0), Image::flat(64, 64, [0; 3]), "black before the first");
        let mut show = |side, shade: u8, share| {
            card.checked(|| shading.show(&card, &row(&[&Image::flat(side, side, [shade; 3])]), share)).unwrap();
            [0.0, 1.0].map(|share| drawn(&card, &shading, size, share, 0.0).pixel(32, 32)[0])
        };
        assert_eq!(show(8, 40, 1.0), [0, 40]);
        assert_eq!(show(8, 200, 1.0), [40, 200]);
        assert_eq!(show(8, 100, 0.25), [80, 100]);
        assert_eq!(show(16, 30, 0.5), [90, 30]);
        assert_eq!(show(16, 60, 0.5), [30, 60], "pictures of two sizes have no pixels in common");
    }

    #[test]
    fn a_picture_that_was_left_on_the_card_is_shown_from_there() {
        let Some(card) = Card::of_a_test() else { return };
        let config = Config { resolution: 16, fmap_base: 64, fmap_max: 8, fmap_min: 1, latent_size: 4 };
        let generator = Generator::new(config, &mut nn::Rng::new(3));
        let on_card = CardPainter::new(card.clone(), &generator, Storage::F32).unwrap();
        let on_card = on_card.with_patience(Duration::from_secs(300));
        let painter = Arc::new(Painter::new(&generator).with_accelerator(Box::new(on_card)));
        let shown = |picture: &Arc<Picture>| {
            let mut shading = card.checked(|| Shading::new(&card, FORMAT)).unwrap();
            shading.show(&card, std::slice::from_ref(picture), 1.0);
            drawn(&card, &shading, (64, 64), 1.0, 0.0)
        };
        let mut seen = Vec::new();
        // More than the card keeps buffers of.
        for seed in 0..12 {
            let picture = Arc::new(painter.paint_there(&Latent::gaussian(4, &mut nn::Rng::new(seed)), 16));
            assert!(picture.there().is_some());
            seen.push(shown(&picture));
            assert_eq!(seen.last(), Some(&shown(&row(&[picture.pixels()])[0])));
        }
        assert!(seen.windows(2).all(|two| two[0] != two[1]));
    }
}
