//! Directions: 1,024 of them, and their sines as whole numbers. Floating point would do on one machine; that every machine's
//! mathematics library gives the same last bit, nobody promises.

/// Directions in a full turn.
pub(super) const FULL_TURN: u16 = 1_024;
/// What the sine is multiplied by, as a power of two.
pub(super) const SINE_BITS: u32 = 16;

const QUARTER: usize = FULL_TURN as usize / 4;
/// Sines of a quarter turn, both ends included.
const SINES: [i32; QUARTER + 1] = sines();

/// The sine by its Taylor series up to x¹¹, in fixed point with 30 bits: at π/2 what is left out is 6e-8.
const fn sines() -> [i32; QUARTER + 1] {
    const ONE: i64 = 1 << 30;
    // π · 2³⁰
    const PI: i64 = 3_373_259_426;
    let mut table = [0; QUARTER + 1];
    let mut index = 0;
    while index <= QUARTER {
        let x = PI * index as i64 / (FULL_TURN as i64 / 2);
        let square = x * x / ONE;
        let (mut term, mut sum, mut n) = (x, x, 1);
        while n <= 5 {
            term = -(term * square / ONE) / (2 * n * (2 * n + 1));
            sum += term;
            n += 1;
        }
        // Rounded to 16 bits.
        table[index] = ((sum + (1 << 13)) >> (30 - SINE_BITS)) as i32;
        index += 1;
    }
    table
}

/// The sine of a direction, times 2^[`SINE_BITS`].
pub(super) const fn sine(direction: u16) -> i32 {
    let direction = (direction % FULL_TURN) as usize;
    let (half, rest) = (direction / (2 * QUARTER), direction % (2 * QUARTER));
    let value = if rest <= QUARTER { SINES[rest] } else { SINES[2 * QUARTER - rest] };
    if half == 0 { value } else { -value }
}

/// The cosine of a direction, times 2^[`SINE_BITS`].
pub(super) const fn cosine(direction: u16) -> i32 {
    sine((direction % FULL_TURN) + FULL_TURN / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_sine_to_its_last_bit() {
        for direction in 0..FULL_TURN {
            let angle = f64::from(direction) * std::f64::consts::TAU / f64::from(FULL_TURN);
            for (ours, exact) in [(sine(direction), angle.sin()), (cosine(direction), angle.cos())] {
                assert!((f64::from(ours) - exact * 65_536.0).abs() <= 0.51, "{direction}: {ours}");
            }
        }
    }
}
