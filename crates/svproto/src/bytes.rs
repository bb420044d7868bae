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
