//! The floor under the units: connections, the messages that go over them, and what these say.
//! Nothing here asks by itself.
//!
//! From the bottom up: [`slot`], where one value arrives; [`address`], where a manager answers;
//! [`private`], its own socket; [`decode`], values from the wire; [`pump`], one connection on a
//! thread of its own; [`call`], messages that ask; [`reply`], what replies and signals say.

pub(crate) mod address;
pub(crate) mod call;
pub(crate) mod decode;
mod private;
pub(crate) mod pump;
pub(crate) mod reply;
pub(crate) mod slot;
