//! Nu support vector classification, one machine for each pair of classes, on many small problems.
//!
//! The machine of a pair is LIBSVM's (Chang and Lin, "Training nu-support vector classifiers" (2001); "LIBSVM: a library for
//! support vector machines" (2011), sections 2.2 and 4.1): minimise a'Qa / 2 under 0 <= a <= 1, and in each class the
//! sum of a equal to nu times half the samples. Two variables of one class move at a time: the one with the steepest
//! gradient, and the one that gains most with it (second order). The kernel is exp(-gamma |x - y|^2).
//!
//! Everything is laid out in [`LANES`] neighbouring values, so that the compiler makes registers of them.

/// Values side by side; every class is filled up to a multiple.
pub const LANES: usize = 16;

/// Smallest curvature along a step.
const TINY: f32 = 1e-12;

/// Steps after which a machine is taken as it is; some hundreds are usual.
const MOST_STEPS: usize = 20_000;

/// Samples of one class: `count` columns from `start` on, room for `padded`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// First column, a multiple of [`LANES`].
    pub start: usize,
    /// Samples.
    pub count: usize,
}

impl Block {
    /// Columns up to the next class.
    pub fn padded(self) -> usize {
        self.count.next_multiple_of(LANES)
    }
}

/// Classes one after another.
pub fn layout(counts: &[usize]) -> Vec<Block> {
    let mut start = 0;
    let place = |count: &usize| {
        let block = Block { start, count: *count };
        start += block.padded();
        block
    };
    counts.iter().map(place).collect()
}

/// Why there is no machine.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("nu = {nu} cannot be had with classes of {small} and {large} samples; at most {most:.3}")]
pub struct Infeasible {
    nu: f64,
    small: usize,
    large: usize,
    most: f64,
}

/// Whether every pair of classes has a machine: the margin's share `nu` of both must fit into the smaller one.
///
/// # Errors
/// If a pair has none.
pub fn check(nu: f64, counts: &[usize]) -> Result<(), Infeasible> {
    let (small, large) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
    let most = 2.0 * small as f64 / (small + large).max(1) as f64;
    if nu > most || nu <= 0.0 { Err(Infeasible { nu, small, large, most }) } else { Ok(()) }
}

/// Points of length 1, or 0 where nothing moves.
#[derive(Debug, Default)]
pub struct Points {
    /// `[coordinate][point]`, whole registers of points; the last coordinate is minus half the squared length.
    coordinates: Vec<f32>,
    count: usize,
    features: usize,
    /// Of minus half a squared distance in the kernel's exponent: twice gamma, which is one over the number of features.
    scale: f32,
}

impl Points {
    /// Of the values of one feature after the other, scales each point.
    #[inline(always)]
    pub fn begin<'a>(&mut self, features: impl Iterator<Item = &'a [f32]> + Clone) {
        let count = features.clone().next().map_or(0, |f| f.len().next_multiple_of(LANES));
        self.count = count;
        self.coordinates.clear();
        for values in features {
            self.coordinates.extend_from_slice(values);
            self.coordinates.resize(self.coordinates.len().next_multiple_of(LANES), 0.0);
        }
        let all = self.coordinates.len();
        self.features = all / count.max(1);
        self.scale = 2.0 / self.features as f32;
        self.coordinates.resize(all + count, 0.0);
        let (coordinates, lengths) = self.coordinates.split_at_mut(all);
        for values in coordinates.chunks_exact(count) {
            lengths.iter_mut().zip(values).for_each(|(n, v)| *n += v * v);
        }
        for n in &mut *lengths {
            *n = if *n > 0.0 { n.sqrt().recip() } else { 0.0 };
        }
        for values in coordinates.chunks_exact_mut(count) {
            values.iter_mut().zip(&*lengths).for_each(|(v, f)| *v *= f);
        }
        for n in lengths {
            *n = if *n > 0.0 { -0.5 } else { 0.0 };
        }
    }

    /// The kernels of point `i` of `of` with [`LANES`] of these from `from` on.
    #[inline(always)]
    fn kernels_with(&self, of: &Self, i: usize, from: usize) -> [f32; LANES] {
        let last = of.features;
        let near = |coordinate: usize| &self.coordinates[coordinate * self.count + from..][..LANES];
        let lengths = near(last);
        let half = of.coordinates[last * of.count + i];
        // Minus half the squared distance.
        let mut sums = [0.0; LANES];
        for l in 0..LANES {
            sums[l] = lengths[l] + half;
        }
        for c in 0..last {
            let (near, v) = (near(c), of.coordinates[c * of.count + i]);
            for l in 0..LANES {
                sums[l] += v * near[l];
            }
        }
        for s in &mut sums {
            *s = exp(of.scale * *s);
        }
        sums
    }

    /// The kernels of point `i` with those from `from` on, as many as there is room for.
    #[inline(always)]
    pub fn kernels(&self, i: usize, from: usize, out: &mut [f32]) {
        for (c, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *out = self.kernels_with(self, i, from + c * LANES);
        }
    }
}

/// One pair's machine: `sum of weights times kernels, minus offset`; above 0 speaks for the first class.
#[derive(Debug, Default)]
pub struct Machine {
    /// Which points it keeps.
    supports: Vec<usize>,
    /// Their weights, positive for the first class, filled up with 0.
    weights: Vec<f32>,
    points: Points,
    /// Subtracted at the end.
    offset: f32,
}

/// Memory of [`solve`] that is used again.
#[derive(Debug, Default)]
pub struct Work {
    sides: [Side; 2],
}

/// All lanes made one, halves by halves.
#[inline(always)]
fn reduce<T: Copy>(lanes: [T; LANES], f: impl Fn(T, T) -> T) -> T {
    let (a, b) = lanes.split_at(8);
    let mut eight = [lanes[0]; 8];
    for l in 0..8 {
        eight[l] = f(a[l], b[l]);
    }
    let four = [f(eight[0], eight[4]), f(eight[1], eight[5]), f(eight[2], eight[6]), f(eight[3], eight[7])];
    f(f(four[0], four[2]), f(four[1], four[3]))
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The variables of one class.
#[derive(Debug, Default)]
struct Side {
    alpha: Vec<f32>,
    gradient: Vec<f32>,
    /// Added to the gradient: infinite where alpha cannot grow.
    full: Vec<f32>,
    /// Subtracted from it: infinite where alpha cannot shrink.
    empty: Vec<f32>,
}

impl Side {
    #[inline(always)]
    fn begin(&mut self, block: Block, mut mass: f64) {
        let n = block.padded();
        for v in [&mut self.alpha, &mut self.gradient, &mut self.full, &mut self.empty] {
            v.clear();
        }
        self.gradient.resize(n, 0.0);
        for i in 0..n {
            let here = if i < block.count { mass.min(1.0) as f32 } else { 0.0 };
            mass -= f64::from(here);
            self.alpha.push(here);
            self.full.push(if i < block.count && here < 1.0 { 0.0 } else { f32::INFINITY });
            self.empty.push(if here > 0.0 { 0.0 } else { f32::INFINITY });
        }
    }

    #[inline(always)]
    fn set(&mut self, i: usize, alpha: f32) {
        self.alpha[i] = alpha;
        self.full[i] = if alpha < 1.0 { 0.0 } else { f32::INFINITY };
        self.empty[i] = if alpha > 0.0 { 0.0 } else { f32::INFINITY };
    }

    /// Of all that can grow the one with the least gradient, and that gradient.
    #[inline(always)]
    fn growing(&self) -> (usize, f32) {
        let (mut lanes, mut at) = ([f32::NEG_INFINITY; LANES], [0u32; LANES]);
        let chunks = self.gradient.as_chunks::<LANES>().0.iter().zip(self.full.as_chunks::<LANES>().0);
        for (c, (g, f)) in chunks.enumerate() {
            for l in 0..LANES {
                let v = -(g[l] + f[l]);
                at[l] = if v >= lanes[l] { (c * LANES + l) as u32 } else { at[l] };
                lanes[l] = larger(lanes[l], v);
            }
        }
        let value = reduce(lanes, larger);
        for l in 0..LANES {
            at[l] = if lanes[l] == value { at[l] } else { 0 };
        }
        (reduce(at, u32::max) as usize, -value)
    }

    /// Of all that can shrink, the one that gains most together with `i`, whose kernels are `row`: the gain, which, and the
    /// largest gradient of all.
    #[inline(always)]
    fn shrinking(&self, least: f32, row: &[f32]) -> (f32, usize, f32) {
        let (mut gains, mut largest, mut at) = ([0.0; LANES], [f32::NEG_INFINITY; LANES], [0u32; LANES]);
        let chunks = self.gradient.as_chunks::<LANES>().0.iter().zip(self.empty.as_chunks::<LANES>().0);
        for (c, ((g, e), k)) in chunks.zip(row.as_chunks::<LANES>().0).enumerate() {
            for l in 0..LANES {
                let v = g[l] - e[l];
                largest[l] = larger(largest[l], v);
                let slope = larger(0.0, v - least);
                let gain = slope * slope / larger(TINY, 2.0 - 2.0 * k[l]);
                at[l] = if gain > gains[l] { (c * LANES + l) as u32 } else { at[l] };
                gains[l] = larger(gains[l], gain);
            }
        }
        let gain = reduce(gains, larger);
        for l in 0..LANES {
            at[l] = if gains[l] == gain { at[l] } else { 0 };
        }
        (gain, reduce(at, u32::max) as usize, reduce(largest, larger))
    }

    /// The gradient at which alpha neither grows nor shrinks.
    #[inline(always)]
    fn level(&self, count: usize) -> f32 {
        let (mut sum, mut free, mut above, mut below) = (0.0f64, 0, f32::INFINITY, f32::NEG_INFINITY);
        for (a, g) in self.alpha.iter().zip(&self.gradient).take(count) {
            if *a <= 0.0 {
                above = above.min(*g);
            } else if *a >= 1.0 {
                below = below.max(*g);
            } else {
                sum += f64::from(*g);
                free += 1;
            }
        }
        if free > 0 { (sum / f64::from(free)) as f32 } else { (above + below) / 2.0 }
    }
}

/// `g += factor * (a - b)`
#[inline(always)]
fn add_difference(g: &mut [f32], factor: f32, a: &[f32], b: &[f32]) {
    let rows = a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0);
    for (g, (a, b)) in g.as_chunks_mut::<LANES>().0.iter_mut().zip(rows) {
        // By value: so the compiler knows that what is written is not what is read.
        *g = std::array::from_fn(|l| g[l] + factor * (a[l] - b[l]));
    }
}

/// The machine of two classes of a square kernel matrix of `stride` columns, to within `tolerance` of the optimality
/// conditions (LIBSVM's default: 1e-3). The caller has asked [`check`].
#[inline(always)]
pub fn solve(
    kernels: &[f32],
    stride: usize,
    classes: [Block; 2],
    (nu, tolerance): (f64, f32),
    work: &mut Work,
    machine: &mut Machine,
) {
    let row = |side: usize, i: usize, of: usize| {
        &kernels[(classes[side].start + i) * stride + classes[of].start..][..classes[of].padded()]
    };

    // Each class begins with its first samples at weight 1 until its mass is used up, and the gradient that they make.
    let mass = nu * (classes[0].count + classes[1].count) as f64 / 2.0;
    for (side, class) in work.sides.iter_mut().zip(classes) {
        side.begin(class, mass);
    }
    for (s, class) in classes.into_iter().enumerate() {
        for i in 0..class.count {
            let alpha = work.sides[s].alpha[i];
            if alpha == 0.0 {
                break;
            }
            for of in 0..2 {
                let sign = if s == of { alpha } else { -alpha };
                let row = row(s, i, of).as_chunks::<LANES>().0;
                for (g, k) in work.sides[of].gradient.as_chunks_mut::<LANES>().0.iter_mut().zip(row) {
                    *g = std::array::from_fn(|l| g[l] + sign * k[l]);
                }
            }
        }
    }

    // In each class the sample with the steepest gradient, and the one with which it gains most; of both classes the pair that
    // gains more.
    for _ in 0..MOST_STEPS {
        let mut best = (0.0, 0, 0, 0);
        let mut violation = 0.0f32;
        for s in 0..2 {
            let (i, least) = work.sides[s].growing();
            if least == f32::INFINITY {
                continue;
            }
            let (gain, j, most) = work.sides[s].shrinking(least, row(s, i, s));
            violation = larger(violation, most - least);
            if gain > best.0 {
                best = (gain, s, i, j);
            }
        }
        let (gain, s, i, j) = best;
        if violation < tolerance || gain <= 0.0 {
            break;
        }

        // The step to the minimum between both, as far as the weights' bounds allow it.
        let side = &mut work.sides[s];
        let curvature = (2.0 - 2.0 * row(s, i, s)[j]).max(TINY);
        let step = (side.gradient[j] - side.gradient[i]) / curvature;
        let (room, left) = (1.0 - side.alpha[i], side.alpha[j]);
        let step = step.min(room).min(left);
        let (grown, shrunk) = (side.alpha[i] + step, left - step);
        side.set(i, if step == room { 1.0 } else { grown });
        side.set(j, if step == left { 0.0 } else { shrunk });
        add_difference(&mut work.sides[s].gradient, step, row(s, i, s), row(s, j, s));
        add_difference(&mut work.sides[1 - s].gradient, -step, row(s, i, 1 - s), row(s, j, 1 - s));
    }

    assemble(work, classes, machine);
}

/// The machine of solved classes: its samples, and weights on the scale on which the margin is 1.
#[inline(always)]
fn assemble(work: &Work, classes: [Block; 2], machine: &mut Machine) {
    let levels = [work.sides[0].level(classes[0].count), work.sides[1].level(classes[1].count)];
    let margin = (levels[0] + levels[1]) / 2.0;
    machine.offset = (levels[0] - levels[1]) / 2.0 / margin;
    machine.supports.clear();
    machine.weights.clear();
    for ((side, class), sign) in work.sides.iter().zip(classes).zip([1.0, -1.0]) {
        for (i, alpha) in side.alpha.iter().enumerate().filter(|(_, alpha)| **alpha > 0.0) {
            machine.supports.push(class.start + i);
            machine.weights.push(sign * alpha / margin);
        }
    }
    machine.weights.resize(machine.supports.len().next_multiple_of(LANES), 0.0);
}

impl Machine {
    /// Takes along what it needs of the points that it learned from.
    #[inline(always)]
    pub fn keep_points(&mut self, points: &Points) {
        self.points.count = self.weights.len();
        self.points.coordinates.clear();
        for values in points.coordinates.chunks_exact(points.count) {
            self.points.coordinates.extend(self.supports.iter().map(|i| values[*i]));
            self.points.coordinates.resize(self.points.coordinates.len().next_multiple_of(LANES), 0.0);
        }
    }

    /// The decision for point `i` of some.
    #[inline(always)]
    pub fn decide(&self, of: &Points, i: usize) -> f32 {
        let mut sums = [0.0f32; LANES];
        for (c, weights) in self.weights.as_chunks::<LANES>().0.iter().enumerate() {
            let kernels = self.points.kernels_with(of, i, c * LANES);
            for l in 0..LANES {
                sums[l] += weights[l] * kernels[l];
            }
        }
        reduce(sums, |a, b| a + b) - self.offset
    }
}

/// The pairs of classes, in LIBSVM's order.
pub fn pairs(classes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..classes).flat_map(move |a| (a + 1..classes).map(move |b| (a, b)))
}

/// `exp(x)` for x from -2 to 0, to 2e-7.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // The Chebyshev series of exp(t - 1) for t from -1 to 1, up to the eighth power.
    let t = x + 1.0;
    let mut sum = 9.380_63e-6f32;
    for c in [
        7.530_489_7e-5,
        5.107_182e-4,
        3.063_919_3e-3,
        1.532_839_1e-2,
        6.131_372_5e-2,
        1.839_397_1e-1,
        3.678_794e-1,
        3.678_794_4e-1,
    ] {
        sum = sum * t + c;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exp() {
        for i in 0..=2000 {
            let x = -f32::from(i as u16) / 1000.0;
            assert!((exp(x) - x.exp()).abs() < 2e-7, "{x}: {} and {}", exp(x), x.exp());
        }
    }

    #[test]
    fn classes_begin_at_whole_registers() {
        let blocks = layout(&[3, 16, 17]);
        assert_eq!(blocks.iter().map(|b| (b.start, b.padded())).collect::<Vec<_>>(), [(0, 16), (16, 16), (32, 32)]);
    }

    #[test]
    fn nu_must_fit_into_the_smaller_class() {
        assert!(check(0.1, &[45, 18, 83]).is_ok());
        assert!(check(0.5, &[5, 60]).is_err_and(|e| e.to_string().contains("at most 0.154")));
    }
}
