//! A transform of both axes. A macro, for only what is written out is compiled for the instruction set.

/// `transform` along the columns, then along the rows, of a square of registers.
macro_rules! both_ways {
    ($simd:expr, $transform:expr, $from:expr, $to:expr, $read:expr, $write:expr) => {{
        let zero = $simd.splat_f32s(0.0);
        let mut half = [[zero; $crate::schemes::MOST]; $crate::schemes::MOST];
        for j in 0..$from {
            let mut column = [zero; $crate::schemes::MOST];
            for i in 0..$from {
                column[i] = $read(i, j);
            }
            let column = $transform($simd, column);
            for i in 0..$to {
                half[i][j] = column[i];
            }
        }
        for i in 0..$to {
            let row = $transform($simd, half[i]);
            for j in 0..$to {
                $write(i, j, row[j]);
            }
        }
    }};
}

pub(super) use both_ways;
