//! The instruction sets, chosen once at run time.

use pulp::{NullaryFnOnce, Simd};
use std::ffi::OsString;
use std::sync::OnceLock;

/// Name of the environment variable that forces an instruction set: `portable`, `simd128`, `relaxed-simd`, `neon`, `avx2` or `avx512`.
pub const VARIABLE: &str = "NARCISSUS_SIMD";

/// The name of no instruction set that this CPU has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE}: expected one of {} on this CPU, found {_0:?}", Isa::available().into_iter().map(Isa::name).collect::<Vec<_>>().join(", "))]
pub struct UnknownIsa(pub OsString);

/// An instruction set that this CPU has: holding one is the proof.
#[derive(Clone, Copy, Debug)]
pub struct Isa(Token);

#[derive(Clone, Copy, Debug)]
enum Token {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(pulp::wasm::Simd128),
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Relaxed(pulp::wasm::RelaxedSimd),
}

impl Isa {
    /// The best of this CPU, or the one that [`VARIABLE`] names, if the CPU has it.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| Self::from_environment().unwrap_or_else(|_| Self::best()))
    }

    /// The one that [`VARIABLE`] names; the best where it is not set.
    ///
    /// # Errors
    /// If the variable names no instruction set that this CPU has. The error says which it could name.
    pub fn from_environment() -> Result<Self, UnknownIsa> {
        match std::env::var_os(VARIABLE) {
            Some(name) => Self::named(name),
            None => Ok(Self::best()),
        }
    }

    fn named(name: OsString) -> Result<Self, UnknownIsa> {
        Self::available().into_iter().find(|isa| name == isa.name()).ok_or(UnknownIsa(name))
    }

    fn best() -> Self {
        Self::available().pop().expect("portable is always there")
    }

    /// All that this CPU has, the best last.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "other architectures add theirs")]
        let mut all = vec![Self(Token::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(pulp::x86::V3::try_new().map(|token| Self(Token::Avx2(token))));
            all.extend(pulp::x86::V4::try_new().map(|token| Self(Token::Avx512(token))));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(pulp::aarch64::Neon::try_new().map(|token| Self(Token::Neon(token))));
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.extend(pulp::wasm::Simd128::try_new().map(|token| Self(Token::Simd128(token))));
        #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
        all.extend(pulp::wasm::RelaxedSimd::try_new().map(|token| Self(Token::Relaxed(token))));
        all
    }

    /// As [`VARIABLE`] spells it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Token::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Token::Neon(_) => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Token::Simd128(_) => "simd128",
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Token::Relaxed(_) => "relaxed-simd",
        }
    }

    /// Runs `op` compiled for this instruction set. All that it calls must be inlined into it.
    #[inline]
    pub(crate) fn run<O: Op>(self, op: O) -> O::Output {
        match self.0 {
            Token::Portable => op.run(pulp::Scalar512b),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => token.vectorize(With(token, op)),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => token.vectorize(With(token, op)),
            #[cfg(target_arch = "aarch64")]
            Token::Neon(token) => token.vectorize(With(token, op)),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Token::Simd128(token) => token.vectorize(With(token, op)),
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Token::Relaxed(token) => token.vectorize(With(token, op)),
        }
    }
}

/// Work that is compiled once for every instruction set.
pub(crate) trait Op {
    type Output;
    /// Must be `#[inline(always)]`, or it is compiled without the instruction set.
    fn run<S: Lanes>(self, simd: S) -> Self::Output;
}

struct With<S, O>(S, O);

impl<S: Lanes, O: Op> NullaryFnOnce for With<S, O> {
    type Output = O::Output;

    #[inline(always)]
    fn call(self) -> O::Output {
        self.1.run(self.0)
    }
}

/// What the kernels need to know of an instruction set beyond its operations.
pub(crate) trait Lanes: Simd {
    /// Rows of a register tile of the matrix product.
    const ROWS: usize;
    /// Sixteen-wide blocks side by side in a register tile.
    const BLOCKS: usize;
    /// Whether the sixteen steps along a line of the left factor are written out: with registers that the compiler has to
    /// put together itself, it then keeps the sums in memory, and is three times slower.
    const UNROLL: bool = true;
    /// `a b + c`
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s;
    /// `c - a b`
    fn fnma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s;
    /// The sums over the lanes of sixteen registers.
    #[inline(always)]
    fn sums(self, of: [Self::f32s; 16]) -> [f32; 16] {
        let mut sums = [0.0; 16];
        for (sum, register) in sums.iter_mut().zip(of) {
            *sum = self.reduce_sum_f32s(register);
        }
        sums
    }
}

/// Instruction sets with a fused multiply-add.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! fused {
    ($type:ty, $rows:expr, $blocks:expr $(, $sums:item)?) => {
        impl Lanes for $type {
            const ROWS: usize = $rows;
            const BLOCKS: usize = $blocks;

            #[inline(always)]
            fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
                self.mul_add_f32s(a, b, c)
            }

            #[inline(always)]
            fn fnma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
                self.negate_mul_add_f32s(a, b, c)
            }

            $($sums)?
        }
    };
}

// 6 rows of two registers each, two for b and one for a: 15 of 16.
#[cfg(target_arch = "x86_64")]
fused!(
    pulp::x86::V3,
    6,
    1,
    // Three horizontal additions for four registers, a third of what four sums by themselves take.
    #[inline(always)]
    fn sums(self, of: [Self::f32s; 16]) -> [f32; 16] {
        use std::arch::x86_64::{__m128, __m256};
        let avx = self.avx;
        let mut sums = [[0.0; 4]; 4];
        for (sums, of) in sums.iter_mut().zip(of.as_chunks::<4>().0) {
            // SAFETY: registers of 256 bits, and four floats of 128, are the same bits under both names.
            let [a, b, c, d] = unsafe { std::mem::transmute::<[Self::f32s; 4], [__m256; 4]>(*of) };
            let halves = avx._mm256_hadd_ps(avx._mm256_hadd_ps(a, b), avx._mm256_hadd_ps(c, d));
            let low = avx._mm256_castps256_ps128(halves);
            let four = self.sse._mm_add_ps(low, avx._mm256_extractf128_ps::<1>(halves));
            // SAFETY: as above.
            *sums = unsafe { std::mem::transmute::<__m128, [f32; 4]>(four) };
        }
        *sums.as_flattened().first_chunk().expect("sixteen sums")
    }
);
// 14 rows of two registers each, two for b; a comes from memory: 30 of 32.
#[cfg(target_arch = "x86_64")]
fused!(
    pulp::x86::V4,
    14,
    2,
    // As a tree of halves laid side by side and added: 45 operations in place of 128.
    #[inline(always)]
    fn sums(self, of: [Self::f32s; 16]) -> [f32; 16] {
        use std::arch::x86_64::__m512;
        // SAFETY: registers of 512 bits, and sixteen floats, are the same bits under all names.
        let of = unsafe { std::mem::transmute::<[Self::f32s; 16], [__m512; 16]>(of) };
        let avx = self.avx512f;
        let mut pairs = [avx._mm512_setzero_ps(); 8];
        for (pair, of) in pairs.iter_mut().zip(of.as_chunks::<2>().0) {
            let (low, high) = (avx._mm512_unpacklo_ps(of[0], of[1]), avx._mm512_unpackhi_ps(of[0], of[1]));
            *pair = avx._mm512_add_ps(low, high);
        }
        let mut fours = [avx._mm512_setzero_ps(); 4];
        for (four, of) in fours.iter_mut().zip(pairs.as_chunks::<2>().0) {
            let (a, b) = (avx._mm512_castps_pd(of[0]), avx._mm512_castps_pd(of[1]));
            let (low, high) = (avx._mm512_unpacklo_pd(a, b), avx._mm512_unpackhi_pd(a, b));
            *four = avx._mm512_add_ps(avx._mm512_castpd_ps(low), avx._mm512_castpd_ps(high));
        }
        // Quarters 0 and 2 of two registers, then 1 and 3.
        let fold = |a: __m512, b: __m512| {
            let (even, odd) = (avx._mm512_shuffle_f32x4::<0x88>(a, b), avx._mm512_shuffle_f32x4::<0xDD>(a, b));
            avx._mm512_add_ps(even, odd)
        };
        let sums = fold(fold(fours[0], fours[1]), fold(fours[2], fours[3]));
        // SAFETY: as above.
        unsafe { std::mem::transmute::<__m512, [f32; 16]>(sums) }
    }
);
// 6 rows of four registers each, four for b and two for a: 30 of 32. A seventh row does not fit.
#[cfg(target_arch = "aarch64")]
fused!(pulp::aarch64::Neon, 6, 1);

/// Browsers without relaxed operations refuse a module in which there are any: it is a module of its own. On x86 one takes a fused
/// multiply-add. A convolution of 64 maps takes 18 % less time by it; other tiles take as long.
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
impl Lanes for pulp::wasm::RelaxedSimd {
    const ROWS: usize = 2;
    const BLOCKS: usize = 1;

    #[inline(always)]
    fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        self.mul_add_e_f32s(a, b, c)
    }

    #[inline(always)]
    fn fnma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        self.mul_add_e_f32s(self.neg_f32s(a), b, c)
    }
}

/// Instruction sets without a fused multiply-add.
macro_rules! unfused {
    ($type:ty, $rows:expr, $blocks:expr, $unroll:expr) => {
        impl Lanes for $type {
            const ROWS: usize = $rows;
            const BLOCKS: usize = $blocks;
            const UNROLL: bool = $unroll;

            #[inline(always)]
            fn fma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
                self.add_f32s(self.mul_f32s(a, b), c)
            }

            #[inline(always)]
            fn fnma(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
                self.sub_f32s(c, self.mul_f32s(a, b))
            }
        }
    };
}

// 2 rows of four registers each, four for b and one for a: 13 of the 16 that browsers have on x86.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
unfused!(pulp::wasm::Simd128, 2, 1, true);
// Sixteen lanes at a time, which the compiler spreads over whatever registers there are.
unfused!(pulp::Scalar512b, 2, 1, false);

/// Reads one register.
///
/// # Safety
/// `S::F32_LANES` values must be readable at `from`.
#[inline(always)]
pub(crate) unsafe fn load<S: Lanes>(from: *const f32) -> S::f32s {
    // SAFETY: the caller's promise; `f32s` is plain data.
    unsafe { from.cast::<S::f32s>().read_unaligned() }
}

/// Writes one register.
///
/// # Safety
/// `S::F32_LANES` values must be writable at `to`.
#[inline(always)]
pub(crate) unsafe fn store<S: Lanes>(to: *mut f32, value: S::f32s) {
    // SAFETY: the caller's promise; `f32s` is plain data.
    unsafe { to.cast::<S::f32s>().write_unaligned(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixteen registers of different values, summed.
    struct Sums;

    impl Op for Sums {
        type Output = [f32; 16];

        #[inline(always)]
        fn run<S: Lanes>(self, simd: S) -> [f32; 16] {
            let mut registers = [simd.splat_f32s(0.0); 16];
            for (i, register) in registers.iter_mut().enumerate() {
                let values: [f32; 16] = std::array::from_fn(|lane| ((i + 1) * (lane + 1)) as f32);
                // SAFETY: no register has more than sixteen lanes.
                *register = unsafe { load::<S>(values.as_ptr()) };
            }
            simd.sums(registers).map(|sum| sum / (S::F32_LANES * (S::F32_LANES + 1) / 2) as f32)
        }
    }

    #[test]
    fn sums_belong_to_their_registers() {
        for isa in Isa::available() {
            assert_eq!(isa.run(Sums), std::array::from_fn(|i| (i + 1) as f32), "{}", isa.name());
        }
    }

    #[test]
    fn an_unknown_instruction_set_is_named_in_the_error() {
        let error = Isa::named("abacus".into()).unwrap_err().to_string();
        assert!(error.starts_with("NARCISSUS_SIMD: expected one of portable"), "{error}");
        assert!(error.ends_with("on this CPU, found \"abacus\""), "{error}");
        assert_eq!(Isa::named("portable".into()).map(Isa::name), Ok("portable"));
        assert!(Isa::available().iter().any(|isa| isa.name() == Isa::current().name()));
    }
}
