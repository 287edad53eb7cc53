//! Parts that a session makes when it first needs them, so that one which only receives, or only waits, stays small.

use alloc::boxed::Box;
use core::fmt;
use core::ops::Deref;

/// A part that can stand unused without any memory of its own.
pub(crate) trait Unused: Sized + 'static {
    /// What it is before its first use; everything that reads sees this one.
    fn unused() -> &'static Self;

    /// One to be used.
    fn new() -> Self;
}

/// A part of a session. Reading it never makes it.
pub(crate) struct Lazy<T>(Option<Box<T>>);

impl<T: Unused> Lazy<T> {
    pub(crate) const fn new() -> Lazy<T> {
        Lazy(None)
    }

    /// The part, which is made if this is its first use.
    #[inline]
    pub(crate) fn get_or_init(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::new()))
    }

    /// The part, if it was ever used.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Changes the part, if it was ever used.
    #[inline]
    pub(crate) fn if_used(&mut self, change: impl FnOnce(&mut T)) {
        if let Some(part) = &mut self.0 {
            change(part);
        }
    }
}

impl<T: Unused> Deref for Lazy<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(part) => part,
            None => T::unused(),
        }
    }
}

/// As if it were there: whether it was made changes nothing that a session does.
impl<T: Unused + fmt::Debug> fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Lazy<T> {
        Lazy(None)
    }
}

/// Implements [`Unused`] by a constant expression.
macro_rules! unused {
    ($type:ty, $new:expr) => {
        impl crate::lazy::Unused for $type {
            fn unused() -> &'static Self {
                static UNUSED: $type = $new;
                &UNUSED
            }

            fn new() -> Self {
                $new
            }
        }
    };
}

pub(crate) use unused;
