//! Loops compiled for the vectors that the processor has.
//!
//! The compiler neither fuses nor reorders arithmetic by itself, so a loop has the same bits whatever it is compiled for.
//! A fused product and sum (`mul_add`) is one exact operation everywhere; it is one instruction only in here, and a slow
//! function elsewhere, so what fuses is called through here also for one row.

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

/// Declares a function that exists three times on x86-64: for vectors of eight numbers (AVX-512), of four (AVX2), and for
/// every processor; the processor at hand says which of them runs. Elsewhere it exists once.
///
/// It is a macro because the loops have to be functions with parameters of their own: of the captures of a closure the
/// compiler does not know that they do not overlap, and then it asks before each loop or leaves it as it is.
macro_rules! wide {
    ($(#[$about:meta])* $seen:vis fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$about])*
        #[inline(never)]
        $seen fn $name($($arg: $kind),*) {
            #[inline(always)]
            fn each($($arg: $kind),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,fma,bmi1,bmi2")]
                fn in_eights($($arg: $kind),*) {
                    each($($arg),*);
                }

                #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
                fn in_fours($($arg: $kind),*) {
                    each($($arg),*);
                }

                #[allow(unsafe_code, reason = "the processor was asked")]
                match $crate::wide::vectors() {
                    // SAFETY: every feature that the function is compiled for has been found.
                    $crate::wide::Vectors::Eight => return unsafe { in_eights($($arg),*) },
                    // SAFETY: the same.
                    $crate::wide::Vectors::Four => return unsafe { in_fours($($arg),*) },
                    $crate::wide::Vectors::Plain => {}
                }
            }
            each($($arg),*);
        }
    };
}

pub(crate) use wide;

/// The longest vectors of a processor that there is a form for.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// What every processor of the family has.
    Plain,
    /// Four numbers.
    Four,
    /// Eight numbers.
    Eight,
}

/// What this processor has.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn vectors() -> Vectors {
    static FOUND: OnceLock<Vectors> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let four = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        let eight = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (four, eight) {
            (false, _) => Vectors::Plain,
            (true, false) => Vectors::Four,
            (true, true) => Vectors::Eight,
        }
    })
}
