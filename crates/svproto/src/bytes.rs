//! Taking fixed fields out of fixed arrays, with the bounds checked by the compiler.

/// Copies `LEN` bytes from offset `AT`. An offset outside the array does not compile.
pub(crate) const fn field<const AT: usize, const LEN: usize, const N: usize>(
    bytes: &[u8; N],
) -> [u8; LEN] {
    const { assert!(AT + LEN <= N) };
    let mut out = [0; LEN];
    let mut i = 0;
    while i < LEN {
        #[expect(clippy::indexing_slicing, reason = "bounds checked at compile time above")]
        {
            out[i] = bytes[AT + i];
        }
        i += 1;
    }
    out
}

/// Overwrites `LEN` bytes from offset `AT`. An offset outside the array does not compile.
pub(crate) const fn put<const AT: usize, const LEN: usize, const N: usize>(
    bytes: &mut [u8; N],
    value: [u8; LEN],
) {
    const { assert!(AT + LEN <= N) };
    let mut i = 0;
    while i < LEN {
        #[expect(clippy::indexing_slicing, reason = "bounds checked at compile time above")]
        {
            bytes[AT + i] = value[i];
        }
        i += 1;
    }
}

/// A record as a newtype over its bytes: its length, and the way in and out, which loses nothing.
macro_rules! record_of_bytes {
    ($(#[$about:meta])* $name:ident: $len:literal) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Bytes in it.
            pub const LEN: usize = $len;

            #[doc = concat!("Takes ", $len, " bytes as one; this cannot fail.")]
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes as they are on disk.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }
    };
}
pub(crate) use record_of_bytes;
