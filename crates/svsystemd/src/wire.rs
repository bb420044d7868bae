//! The floor under the units: connections, and values as they come over them. Nothing here knows a
//! unit or a bus.
//!
//! From the bottom up: [`slot`], where one value arrives; [`place`], where a manager answers;
//! [`private`], its own socket; [`decode`], values from the wire; [`pump`], one connection on a
//! thread of its own.

pub(crate) mod decode;
pub(crate) mod place;
mod private;
pub(crate) mod pump;
pub(crate) mod slot;
