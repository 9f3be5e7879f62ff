//! Canonical bytes of state: little-endian, fields in one order, lists with their length.
//!
//! Each state names its fields once; the same function writes them and reads them back, so the two cannot drift.

use crate::money::{Money, Ratio};

/// Why bytes are not a snapshot of this engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Fewer bytes than the state needs.
    #[error("the snapshot ends early, at byte {0}")]
    Short(usize),
    /// More bytes than the state needs.
    #[error("the snapshot has {0} bytes too many")]
    Long(usize),
    /// A byte that stands for nothing.
    #[error("the snapshot holds {found} where {what} was expected")]
    Unknown {
        /// What was expected.
        what: &'static str,
        /// What was found.
        found: u64,
    },
}

/// Writes state, or reads it.
#[derive(Debug)]
pub(crate) enum Codec<'a> {
    /// Into bytes.
    Write(Vec<u8>),
    /// From bytes, at a place.
    Read(&'a [u8], usize),
}

pub(crate) type Coded = Result<(), SnapshotError>;

impl Codec<'_> {
    pub(crate) fn reads(&self) -> bool {
        matches!(self, Codec::Read(..))
    }

    fn raw<const N: usize>(&mut self, value: &mut [u8; N]) -> Coded {
        match self {
            Codec::Write(bytes) => bytes.extend_from_slice(value),
            Codec::Read(bytes, at) => {
                let found = bytes.get(*at..*at + N).ok_or(SnapshotError::Short(*at))?;
                value.copy_from_slice(found);
                *at += N;
            }
        }
        Ok(())
    }

    pub(crate) fn u8(&mut self, value: &mut u8) -> Coded {
        let mut bytes = value.to_le_bytes();
        self.raw(&mut bytes)?;
        *value = u8::from_le_bytes(bytes);
        Ok(())
    }

    pub(crate) fn u32(&mut self, value: &mut u32) -> Coded {
        let mut bytes = value.to_le_bytes();
        self.raw(&mut bytes)?;
        *value = u32::from_le_bytes(bytes);
        Ok(())
    }

    pub(crate) fn u64(&mut self, value: &mut u64) -> Coded {
        let mut bytes = value.to_le_bytes();
        self.raw(&mut bytes)?;
        *value = u64::from_le_bytes(bytes);
        Ok(())
    }

    pub(crate) fn usize(&mut self, value: &mut usize) -> Coded {
        let mut wide = *value as u64;
        self.u64(&mut wide)?;
        *value = usize::try_from(wide).map_err(|_| SnapshotError::Unknown { what: "a count", found: wide })?;
        Ok(())
    }

    pub(crate) fn i64(&mut self, value: &mut i64) -> Coded {
        let mut bytes = value.to_le_bytes();
        self.raw(&mut bytes)?;
        *value = i64::from_le_bytes(bytes);
        Ok(())
    }

    fn i128(&mut self, value: i128) -> Result<i128, SnapshotError> {
        let mut bytes = value.to_le_bytes();
        self.raw(&mut bytes)?;
        Ok(i128::from_le_bytes(bytes))
    }

    pub(crate) fn money(&mut self, value: &mut Money) -> Coded {
        *value = Money::from_units(self.i128(value.units())?);
        Ok(())
    }

    pub(crate) fn ratio(&mut self, value: &mut Ratio) -> Coded {
        *value = Ratio::from_units(self.i128(value.units())?);
        Ok(())
    }

    /// Bit for bit; every NaN is the same one.
    pub(crate) fn f64(&mut self, value: &mut f64) -> Coded {
        let mut bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
        self.u64(&mut bits)?;
        *value = f64::from_bits(bits);
        Ok(())
    }

    pub(crate) fn bool(&mut self, value: &mut bool) -> Coded {
        let mut byte = u8::from(*value);
        self.u8(&mut byte)?;
        *value = match byte {
            0 => false,
            1 => true,
            found => return Err(SnapshotError::Unknown { what: "a truth value", found: u64::from(found) }),
        };
        Ok(())
    }

    /// One of a list of values, by place.
    pub(crate) fn one_of<T: Copy + PartialEq>(&mut self, value: &mut T, all: &[T], what: &'static str) -> Coded {
        let place = all.iter().position(|other| other == value).unwrap_or(usize::MAX);
        let mut byte = place as u8;
        self.u8(&mut byte)?;
        let unknown = SnapshotError::Unknown { what, found: u64::from(byte) };
        *value = *all.get(usize::from(byte)).ok_or(unknown)?;
        Ok(())
    }

    /// A value that may be absent; `blank` makes room to read into.
    pub(crate) fn option<T>(
        &mut self,
        value: &mut Option<T>,
        blank: impl FnOnce() -> T,
        field: impl FnOnce(&mut Self, &mut T) -> Coded,
    ) -> Coded {
        let mut present = value.is_some();
        self.bool(&mut present)?;
        if self.reads() {
            *value = present.then(blank);
        }
        value.as_mut().map_or(Ok(()), |value| field(self, value))
    }

    /// A list; a length beyond the bytes that are left is an error before any memory is taken for it.
    pub(crate) fn list<T>(
        &mut self,
        values: &mut Vec<T>,
        blank: impl Fn() -> T,
        field: impl Fn(&mut Self, &mut T) -> Coded,
    ) -> Coded {
        let mut count = values.len();
        self.usize(&mut count)?;
        if let Codec::Read(bytes, at) = self {
            if count > bytes.len() - *at {
                return Err(SnapshotError::Short(bytes.len()));
            }
            values.clear();
            values.extend((0..count).map(|_| blank()));
        }
        values.iter_mut().try_for_each(|value| field(self, value))
    }

    /// Ends the reading: nothing may be left.
    pub(crate) fn finish(self) -> Result<Vec<u8>, SnapshotError> {
        match self {
            Codec::Write(bytes) => Ok(bytes),
            Codec::Read(bytes, at) if at == bytes.len() => Ok(Vec::new()),
            Codec::Read(bytes, at) => Err(SnapshotError::Long(bytes.len() - at)),
        }
    }
}
