//! How a kernel's state becomes bytes and comes back.
//!
//! One function per type visits its fields in a fixed order; [`Io`] either writes or reads them. Numbers are
//! little-endian, floats by their bits, so equal states give equal bytes on every machine. Sizes are fixed by the
//! parameters, which the owner keeps: a state is read into a kernel made with the same ones.

use thiserror::Error;

/// Why a state was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StateError {
    /// The bytes end before the state does.
    #[error("indicator state ends after {have} of at least {want} bytes")]
    Truncated {
        /// Bytes that were left.
        have: usize,
        /// Bytes that were needed.
        want: usize,
    },
    /// Another version of the layout.
    #[error("indicator state has layout version {found}, this engine reads {known}")]
    Version {
        /// The version in the bytes.
        found: u8,
        /// The version that is read.
        known: u8,
    },
    /// A value that no kernel writes, as after reading with other parameters.
    #[error("indicator state holds {value} where at most {limit} is possible, was it saved with other parameters?")]
    Impossible {
        /// What was read.
        value: u64,
        /// The largest possible.
        limit: u64,
    },
}

/// The two directions of a visit.
pub enum Io<'a, 'b> {
    /// Append to the bytes.
    Write(&'a mut Vec<u8>),
    /// Take from the front of the bytes.
    Read(&'a mut &'b [u8]),
}

/// Something with a state: visits every field that changes from row to row.
pub trait State {
    /// Writes or reads all fields, in one fixed order.
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError>;
}

impl Io<'_, '_> {
    /// Visits several parts in order.
    pub fn all(&mut self, parts: &mut [&mut dyn State]) -> Result<(), StateError> {
        parts.iter_mut().try_for_each(|part| part.state(self))
    }

    /// Visits a position that is always below `limit`, checked when read.
    pub fn index(&mut self, value: &mut usize, limit: usize) -> Result<(), StateError> {
        let mut wide = *value as u64;
        wide.state(self)?;
        if wide >= limit as u64 {
            return Err(StateError::Impossible { value: wide, limit: limit.saturating_sub(1) as u64 });
        }
        *value = wide as usize;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self, value: [u8; N]) -> Result<[u8; N], StateError> {
        match self {
            Io::Write(out) => {
                out.extend_from_slice(&value);
                Ok(value)
            }
            Io::Read(bytes) => {
                let Some((head, tail)) = bytes.split_first_chunk::<N>() else {
                    return Err(StateError::Truncated { have: bytes.len(), want: N });
                };
                **bytes = tail;
                Ok(*head)
            }
        }
    }
}

impl State for f64 {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        *self = f64::from_bits(u64::from_le_bytes(io.bytes(self.to_bits().to_le_bytes())?));
        Ok(())
    }
}

impl State for u64 {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        *self = u64::from_le_bytes(io.bytes(self.to_le_bytes())?);
        Ok(())
    }
}

impl State for u32 {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        *self = u32::from_le_bytes(io.bytes(self.to_le_bytes())?);
        Ok(())
    }
}

impl State for bool {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        let [byte] = io.bytes([u8::from(*self)])?;
        if byte > 1 {
            return Err(StateError::Impossible { value: u64::from(byte), limit: 1 });
        }
        *self = byte == 1;
        Ok(())
    }
}

/// The length is fixed by the parameters and not written.
impl<T: State> State for [T] {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.iter_mut().try_for_each(|part| part.state(io))
    }
}

impl<T: State, const N: usize> State for [T; N] {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.as_mut_slice().state(io)
    }
}

impl<T: State> State for Vec<T> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.as_mut_slice().state(io)
    }
}

/// What is absent by the parameters has no bytes.
impl<T: State> State for Option<T> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        self.as_mut().map_or(Ok(()), |part| part.state(io))
    }
}
