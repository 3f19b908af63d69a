//! Elementary functions built from exact arithmetic.
//!
//! The system's `exp` and `ln` differ in their last bits between platforms, and phantoms must not. The relative error
//! is below 1e-6, far below one step of an 8-bit intensity.

use std::f32::consts::{LN_2, LOG2_E};

/// `e` to the power of `x`.
pub(super) fn exp(x: f32) -> f32 {
    let scaled = (x * LOG2_E).clamp(-126.0, 126.0);
    let whole = scaled.floor();
    let t = (scaled - whole) * LN_2;
    let series = 1.0
        + t * (1.0
            + t * (1.0 / 2.0
                + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t * (1.0 / 720.0 + t / 5040.0))))));
    series * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

/// Natural logarithm of a positive, normal `x`.
pub(super) fn ln(x: f32) -> f32 {
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let mut exponent = (bits >> 23) as i32 - 127;
    let mut mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    if mantissa > std::f32::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let s = t * t;
    let series = 2.0 * t * (1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s / 9.0))));
    series + exponent as f32 * LN_2
}

/// Bell curve of height 1 and standard deviation 1.
pub(super) fn bell(x: f32) -> f32 {
    exp(-0.5 * x * x)
}

/// Smooth step from 0 at `from` to 1 at `to`.
pub(super) fn ramp(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Power ratio of a level in decibels.
pub(super) fn decibel(level: f32) -> f32 {
    exp(level * (std::f32::consts::LN_10 / 10.0))
}

/// Quantile of the normal distribution at `p` in (0, 1), accurate to 5e-4 (Acklam's rational approximation).
pub(super) fn normal_quantile(p: f32) -> f32 {
    const EDGE: f32 = 0.024_25;
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    if p < EDGE {
        let q = (-2.0 * ln(p)).sqrt();
        let over = ((((-0.007_784_894 * q - 0.322_396_46) * q - 2.400_758_3) * q - 2.549_732_5) * q + 4.374_664) * q
            + 2.938_163_8;
        let under = (((0.007_784_696 * q + 0.322_467_1) * q + 2.445_134) * q + 3.754_408_7) * q + 1.0;
        return over / under;
    }
    let q = p - 0.5;
    let r = q * q;
    let over =
        (((((-39.696_83 * r + 220.946_1) * r - 275.928_5) * r + 138.357_75) * r - 30.664_798) * r + 2.506_628_2) * q;
    let under = ((((-54.476_1 * r + 161.585_83) * r - 155.698_98) * r + 66.801_31) * r - 13.280_682) * r + 1.0;
    over / under
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_agree_with_the_standard_library() {
        for i in -400..400 {
            let x = i as f32 * 0.1;
            assert!((exp(x) / x.exp() - 1.0).abs() < 5e-6, "exp({x})");
        }
        for i in 1..2000 {
            let x = i as f32 * 0.013;
            assert!((ln(x) - x.ln()).abs() < 2e-6, "ln({x})");
        }
        assert!((normal_quantile(0.975) - 1.959_964).abs() < 5e-4);
        assert!((normal_quantile(0.001) + 3.090_23).abs() < 5e-4);
        assert!(normal_quantile(0.5).abs() < 1e-6);
    }
}
