//! Processes that do nothing but compute, so that tests are seen on a machine that is busy.

use std::{
    os::unix::process::parent_id,
    process::{Child, Command, Stdio},
};

use crate::{command, failure::Failure};

/// So many of them, which end with the value. Also when this process is killed: each looks for it.
pub(crate) struct Load(Vec<Child>);

impl Load {
    pub(crate) fn start(count: usize) -> Result<Self, Failure> {
        let mut load = Self(Vec::new());
        let this = command::this()?;
        for _ in 0..count {
            let mut one = Command::new(&this);
            one.args(["load", &std::process::id().to_string()]).stdin(Stdio::null());
            load.0.push(one.spawn().map_err(|why| command::not_run(&one, &why))?);
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// One of them: computes as long as its parent is the one that started it.
pub(crate) fn compute(parent: u32) {
    let mut sum = 0_u64;
    while parent_id() == parent {
        for number in 0..1_000_000 {
            sum = std::hint::black_box(sum.wrapping_add(number));
        }
    }
}
