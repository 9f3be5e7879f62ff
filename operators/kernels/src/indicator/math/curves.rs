//! Transcendental functions over columns: `libm`'s operations in `libm`'s order, without its branches, so that the compiler
//! takes several rows at once and every bit is `libm`'s.
//!
//! Where `libm` branches, all ways are gone and one is chosen. Each function says beside its value whether the way that it
//! knows was the right one; where it was not (tiny, huge or special arguments, and a few others), `libm` itself is asked.
//! The constants are FreeBSD's, as in `libm`.

/// A value, and whether it is `libm`'s.
type Known = (f64, bool);

/// Adding it rounds to a whole number, which is then in the low bits.
const WHOLE: f64 = 1.5 / f64::EPSILON;

/// Upper half of the bits, without the sign.
#[inline(always)]
fn high(x: f64) -> u64 {
    (x.to_bits() >> 32) & 0x7fff_ffff
}

/// 2 to the power of a whole number from -1000 to 1000.
#[inline(always)]
fn power(k: f64) -> f64 {
    f64::from_bits((k + WHOLE).to_bits().wrapping_add(1023) << 52)
}

/// Sum of coefficients times powers of `x`.
#[inline(always)]
fn series<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    for k in (0..N - 1).rev() {
        sum = coefficients[k] + x * sum;
    }
    sum
}

const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LO: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const INVERSE_LN2: f64 = f64::from_bits(0x3ff7_1547_652b_82fe);
const EXP: [f64; 5] = [
    f64::from_bits(0x3fc5_5555_5555_553e),
    f64::from_bits(0xbf66_c16c_16be_bd93),
    f64::from_bits(0x3f11_566a_af25_de2c),
    f64::from_bits(0xbebb_bd41_c5d2_6bf1),
    f64::from_bits(0x3e66_3769_72be_a4d0),
];

/// How often ln 2 is taken from an argument.
#[inline(always)]
fn times_ln2(x: f64) -> f64 {
    let many = (INVERSE_LN2 * x + 0.5f64.copysign(x)).trunc();
    let one = if high(x) > 0x3fd6_2e42 { 1.0f64.copysign(x) } else { 0.0 };
    if high(x) >= 0x3ff0_a2b2 { many } else { one }
}

#[inline(always)]
pub(super) fn exp(x: f64) -> Known {
    let known = x.abs() < 700.0 && (high(x) > 0x3e30_0000 || x == 0.0);
    let k = times_ln2(x);
    let (hi, lo) = (x - k * LN2_HI, k * LN2_LO);
    let x = hi - lo;
    let square = x * x;
    let c = x - square * series(square, EXP);
    let y = 1.0 + (x * c / (2.0 - c) - lo + hi);
    (y * power(k), known)
}

const EXPM1: [f64; 6] = [
    1.0,
    f64::from_bits(0xbfa1_1111_1111_10f4),
    f64::from_bits(0x3f5a_01a0_19fe_5585),
    f64::from_bits(0xbf14_ce19_9eaa_dbb7),
    f64::from_bits(0x3ed0_cfca_86e6_5239),
    f64::from_bits(0xbe8a_fdb7_6e09_c32d),
];

#[inline(always)]
fn expm1(x: f64) -> Known {
    let k = times_ln2(x);
    let known = x.abs() < 13.0 && k >= -1.0 && (high(x) >= 0x3c90_0000 || x == 0.0);
    let (hi, lo) = (x - k * LN2_HI, k * LN2_LO);
    let x = hi - lo;
    let c = (hi - x) - lo;
    let half = 0.5 * x;
    let square = x * half;
    let r = series(square, EXPM1);
    let t = 3.0 - r * half;
    let near = square * ((r - t) / (6.0 - x * t));
    let e = (x * (near - c) - c) - square;
    let none = x - (x * near - square);
    let minus = 0.5 * (x - e) - 0.5;
    let one = if x < -0.25 { -2.0 * (e - (x + 0.5)) } else { 1.0 + 2.0 * (x - e) };
    let more = (x - e + (1.0 - power(-k))) * power(k);
    let few = if k == 0.0 { none } else { minus };
    (if k > 1.0 { more } else { if k == 1.0 { one } else { few } }, known)
}

#[inline(always)]
pub(super) fn cosh(x: f64) -> Known {
    let x = x.abs();
    let (t, small_known) = expm1(x);
    let small = 1.0 + t * t / (2.0 * (1.0 + t));
    let (t, large_known) = exp(x);
    let large = 0.5 * (t + 1.0 / t);
    let is_small = high(x) < 0x3fe6_2e42;
    let known = if is_small { small_known && (high(x) >= 0x3e50_0000 || x == 0.0) } else { large_known };
    (if is_small { small } else { large }, known)
}

#[inline(always)]
pub(super) fn sinh(x: f64) -> Known {
    let half = 0.5f64.copysign(x);
    let (t, known) = expm1(x.abs());
    let share = t / (t + 1.0);
    let small = half * (2.0 * t - t * t / (t + 1.0));
    let large = half * (t + share);
    (if high(x) < 0x3ff0_0000 { small } else { large }, known && (high(x) >= 0x3e50_0000 || x == 0.0))
}

#[inline(always)]
pub(super) fn tanh(x: f64) -> Known {
    let is_small = high(x) <= 0x3fd0_58ae;
    let size = x.abs();
    let (t, known) = expm1(if is_small { -2.0 * size } else { 2.0 * size });
    let large = 1.0 - 2.0 / (t + 2.0);
    let part = (if is_small { -t } else { t }) / (t + 2.0);
    let y = if high(x) > 0x3fe1_93ea { large } else { part };
    (if x < 0.0 { -y } else { y }, known && (high(x) >= 0x0010_0000 || x.to_bits() == 0) && size < 6.0)
}

const LOG_ODD: [f64; 4] = [
    f64::from_bits(0x3fe5_5555_5555_5593),
    f64::from_bits(0x3fd2_4924_9422_9359),
    f64::from_bits(0x3fc7_4664_96cb_03de),
    f64::from_bits(0x3fc2_f112_df3e_5244),
];
const LOG_EVEN: [f64; 3] = [
    f64::from_bits(0x3fd9_9999_9997_fa04),
    f64::from_bits(0x3fcc_71c5_1d8e_78af),
    f64::from_bits(0x3fc3_9a09_d078_c69f),
];

/// A logarithm's argument `2^k (1 + f)` with `1 + f` around 1: `f`, `f^2 / 2`, `s (f^2 / 2 + R)`, `k`.
struct Reduced {
    f: f64,
    half_square: f64,
    rest: f64,
    k: f64,
    known: bool,
}

#[inline(always)]
fn reduced(x: f64) -> Reduced {
    let bits = x.to_bits();
    let known = (f64::MIN_POSITIVE..=f64::MAX).contains(&x);
    let above = (bits >> 32).wrapping_add(0x3ff0_0000 - 0x3fe6_a09e);
    let k = f64::from_bits(0x4330_0000_0000_0000 | (above >> 20)) - (4_503_599_627_370_496.0 + 1023.0);
    let top = (above & 0x000f_ffff) + 0x3fe6_a09e;
    let f = f64::from_bits((top << 32) | (bits & 0xffff_ffff)) - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * series(w, LOG_EVEN);
    let odd = z * series(w, LOG_ODD);
    Reduced { f, half_square, rest: s * (half_square + (odd + even)), k, known }
}

#[inline(always)]
pub(super) fn ln(x: f64) -> Known {
    let Reduced { f, half_square, rest, k, known } = reduced(x);
    (rest + k * LN2_LO - half_square + f + k * LN2_HI, known)
}

#[inline(always)]
pub(super) fn log10(x: f64) -> Known {
    const INVERSE_LN10: [f64; 2] = [f64::from_bits(0x3fdb_cb7b_1520_0000), f64::from_bits(0x3dbb_9438_ca9a_add5)];
    const LOG10_2: [f64; 2] = [f64::from_bits(0x3fd3_4413_509f_6000), f64::from_bits(0x3d59_fef3_11f1_2b36)];
    let Reduced { f, half_square, rest, k, known } = reduced(x);
    let hi = upper(f - half_square);
    let lo = f - hi - half_square + rest;
    let value = hi * INVERSE_LN10[0];
    let y = k * LOG10_2[0];
    let small = k * LOG10_2[1] + (lo + hi) * INVERSE_LN10[1] + lo * INVERSE_LN10[0];
    let w = y + value;
    (small + ((y - w) + value) + w, known)
}

/// A number without the lower half of its bits.
#[inline(always)]
fn upper(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000)
}

/// An angle in quarter turns: how many, and what is left in two parts.
#[inline(always)]
fn quarters(x: f64) -> (u64, f64, f64, bool) {
    const INVERSE: f64 = f64::from_bits(0x3fe4_5f30_6dc9_c883);
    const FIRST: [f64; 2] = [f64::from_bits(0x3ff9_21fb_5440_0000), f64::from_bits(0x3dd0_b461_1a62_6331)];
    const SECOND: [f64; 2] = [f64::from_bits(0x3dd0_b461_1a60_0000), f64::from_bits(0x3ba3_198a_2e03_7073)];
    let exponent = |x: f64| (x.to_bits() >> 52) & 0x7ff;
    let shifted = x * INVERSE + WHOLE;
    let n = shifted - WHOLE;
    let r1 = x - n * FIRST[0];
    let w1 = n * FIRST[1];
    let once = r1 - w1;
    let taken = n * SECOND[0];
    let r2 = r1 - taken;
    let w2 = n * SECOND[1] - ((r1 - r2) - taken);
    let twice = r2 - w2;
    let again = exponent(x) > exponent(once) + 16;
    let (r, w, y) = if again { (r2, w2, twice) } else { (r1, w1, once) };
    let known = high(x) > 0x401c_463b && high(x) < 0x4139_21fb && exponent(x) <= exponent(y) + 49;
    (shifted.to_bits() & 3, y, (r - y) - w, known)
}

const SIN: [f64; 6] = [
    f64::from_bits(0xbfc5_5555_5555_5549),
    f64::from_bits(0x3f81_1111_1110_f8a6),
    f64::from_bits(0xbf2a_01a0_19c1_61d5),
    f64::from_bits(0x3ec7_1de3_57b1_fe7d),
    f64::from_bits(0xbe5a_e5e6_8a2b_9ceb),
    f64::from_bits(0x3de5_d93a_5acf_d57c),
];
const COS: [f64; 6] = [
    f64::from_bits(0x3fa5_5555_5555_554c),
    f64::from_bits(0xbf56_c16c_16c1_5177),
    f64::from_bits(0x3efa_01a0_19cb_1590),
    f64::from_bits(0xbe92_7e4f_809c_52ad),
    f64::from_bits(0x3e21_ee9e_bdb4_b1c4),
    f64::from_bits(0xbda8_fae9_be88_38d4),
];

/// Sine, a number of quarter turns on.
#[inline(always)]
fn wave(x: f64, ahead: u64) -> Known {
    let (n, x, y, known) = quarters(x);
    let n = n + ahead;
    let z = x * x;
    let w = z * z;
    let r = SIN[1] + z * (SIN[2] + z * SIN[3]) + z * w * (SIN[4] + z * SIN[5]);
    let v = z * x;
    let sin = x - ((z * (0.5 * y - v * r) - y) - v * SIN[0]);
    let r = z * (COS[0] + z * (COS[1] + z * COS[2])) + w * w * (COS[3] + z * (COS[4] + z * COS[5]));
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cos = w + (((1.0 - w) - half) + (z * r - x * y));
    let side = if n & 1 == 0 { sin } else { cos };
    (f64::from_bits(side.to_bits() ^ ((n & 2) << 62)), known)
}

#[inline(always)]
pub(super) fn sin(x: f64) -> Known {
    wave(x, 0)
}

#[inline(always)]
pub(super) fn cos(x: f64) -> Known {
    wave(x, 1)
}

const TAN: [f64; 13] = [
    f64::from_bits(0x3fd5_5555_5555_5563),
    f64::from_bits(0x3fc1_1111_1110_fe7a),
    f64::from_bits(0x3fab_a1ba_1bb3_41fe),
    f64::from_bits(0x3f96_64f4_8406_d637),
    f64::from_bits(0x3f82_26e3_e96e_8493),
    f64::from_bits(0x3f6d_6d22_c956_0328),
    f64::from_bits(0x3f57_dbc8_fee0_8315),
    f64::from_bits(0x3f43_44d8_f2f2_6501),
    f64::from_bits(0x3f30_26f7_1a8d_1068),
    f64::from_bits(0x3f14_7e88_a037_92a6),
    f64::from_bits(0x3f12_b80f_32f0_a7e9),
    f64::from_bits(0xbef3_75cb_db60_5373),
    f64::from_bits(0x3efb_2a70_74bf_7ad4),
];

#[inline(always)]
pub(super) fn tan(x: f64) -> Known {
    const QUARTER: [f64; 2] = [f64::from_bits(0x3fe9_21fb_5444_2d18), f64::from_bits(0x3c81_a626_3314_5c07)];
    let (n, x, y, known) = quarters(x);
    let odd = n & 1 != 0;
    let is_big = high(x) >= 0x3fe5_9428;
    let minus = is_big && x.is_sign_negative();
    let (size, rest) = if minus { (-x, -y) } else { (x, y) };
    let (x, y) = if is_big { ((QUARTER[0] - size) + (QUARTER[1] - rest), 0.0) } else { (x, y) };
    let z = x * x;
    let w = z * z;
    let r = series(w, [TAN[1], TAN[3], TAN[5], TAN[7], TAN[9], TAN[11]]);
    let v = z * series(w, [TAN[2], TAN[4], TAN[6], TAN[8], TAN[10], TAN[12]]);
    let s = z * x;
    let r = y + z * (s * (r + v) + y) + s * TAN[0];
    let w = x + r;
    let side = if odd { -1.0 } else { 1.0 };
    let big = side - 2.0 * (x + (r - w * w / (w + side)));
    let big = if minus { -big } else { big };
    let w0 = upper(w);
    let v = r - (w0 - x);
    let a = -1.0 / w;
    let a0 = upper(a);
    let turned = a0 + a * (1.0 + a0 * w0 + a0 * v);
    let small = if odd { turned } else { w };
    (if is_big { big } else { small }, known)
}

const ATAN_HI: [f64; 4] = [
    f64::from_bits(0x3fdd_ac67_0561_bb4f),
    f64::from_bits(0x3fe9_21fb_5444_2d18),
    f64::from_bits(0x3fef_730b_d281_f69b),
    f64::from_bits(0x3ff9_21fb_5444_2d18),
];
const ATAN_LO: [f64; 4] = [
    f64::from_bits(0x3c7a_2b7f_222f_65e2),
    f64::from_bits(0x3c81_a626_3314_5c07),
    f64::from_bits(0x3c70_0788_7af0_cbbd),
    f64::from_bits(0x3c91_a626_3314_5c07),
];
const ATAN_ODD: [f64; 6] = [
    f64::from_bits(0x3fd5_5555_5555_550d),
    f64::from_bits(0x3fc2_4924_9200_83ff),
    f64::from_bits(0x3fb7_45cd_c54c_206e),
    f64::from_bits(0x3fb1_0d66_a0d0_3d51),
    f64::from_bits(0x3fa9_7b4b_2476_0deb),
    f64::from_bits(0x3f90_ad3a_e322_da11),
];
const ATAN_EVEN: [f64; 5] = [
    f64::from_bits(0xbfc9_9999_9998_ebc4),
    f64::from_bits(0xbfbc_71c6_fe23_1671),
    f64::from_bits(0xbfb3_b0f2_af74_9a6d),
    f64::from_bits(0xbfad_de2d_52de_fd9a),
    f64::from_bits(0xbfa2_b444_2c6a_6c2f),
];

#[inline(always)]
pub(super) fn atan(x: f64) -> Known {
    let (top, size, sign) = (high(x), x.abs(), x);
    let known = (0x3e40_0000..0x4410_0000).contains(&top);
    let choose = |parts: [f64; 4]| {
        let low = if top < 0x3fe6_0000 { parts[0] } else { parts[1] };
        let high = if top < 0x4003_8000 { parts[2] } else { parts[3] };
        if top < 0x3ff3_0000 { low } else { high }
    };
    let is_small = top < 0x3fdc_0000;
    let above = choose([2.0 * size - 1.0, size - 1.0, size - 1.5, -1.0]);
    let below = choose([2.0 + size, size + 1.0, 1.0 + 1.5 * size, size]);
    let x = if is_small { x } else { above / below };
    let z = x * x;
    let w = z * z;
    let odd = z * series(w, ATAN_ODD);
    let even = w * series(w, ATAN_EVEN);
    let part = x * (odd + even);
    let large = (choose(ATAN_HI) - (part - choose(ATAN_LO) - x)).copysign(sign);
    (if is_small { x - part } else { large }, known)
}
