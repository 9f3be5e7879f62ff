//! Room for intermediate results over columns: no state, made when first used.
//!
//! What is made anew for each block is filled with zeros each time, which costs as much as the work itself. Bar by bar it
//! is never made.

/// A place for lines that are written before they are read.
#[derive(Clone, Debug)]
pub(super) struct Scratch<T>(Option<Box<T>>);

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Scratch<T> {
    /// The place, with anything in it.
    #[inline(always)]
    pub(super) fn lines(&mut self, empty: impl FnOnce() -> T) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(empty()))
    }
}
