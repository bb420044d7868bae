//! What a process may use.

use crate::{
    spec::{Bound, Limit, Limits, Service},
    target::capability::{
        Capability,
        Support::{By, Not},
        limit, only, row,
    },
};

const WHOLE: &str = "`limits`, which are of each process; or systemd";
const PRLIMIT: &str = "prlimit";

pub(super) const ROWS: [Capability; 19] = [
    limit(
        "limits.address_space",
        |it| it.limits.address_space.is_some(),
        ["softlimit -a", "prlimit --as", "s6-softlimit -a", "LimitAS=", "prlimit --as"],
    ),
    limit(
        "limits.data",
        |it| it.limits.data.is_some(),
        ["softlimit -d", "chpst -d", "s6-softlimit -d", "LimitDATA=", "prlimit --data"],
    ),
    limit(
        "limits.stack",
        |it| it.limits.stack.is_some(),
        ["softlimit -s", "prlimit --stack", "s6-softlimit -s", "LimitSTACK=", "prlimit --stack"],
    ),
    limit(
        "limits.locked_memory",
        |it| it.limits.locked_memory.is_some(),
        [
            "softlimit -l",
            "prlimit --memlock",
            "s6-softlimit -l",
            "LimitMEMLOCK=",
            "prlimit --memlock",
        ],
    ),
    limit(
        "limits.rss",
        |it| it.limits.rss.is_some(),
        ["softlimit -r", "chpst -r", "s6-softlimit -r", "LimitRSS=", "prlimit --rss"],
    ),
    limit(
        "limits.file_size",
        |it| it.limits.file_size.is_some(),
        ["softlimit -f", "chpst -f", "s6-softlimit -f", "LimitFSIZE=", "prlimit --fsize"],
    ),
    limit(
        "limits.core",
        |it| it.limits.core.is_some(),
        ["softlimit -c", "chpst -c", "s6-softlimit -c", "LimitCORE=", "prlimit --core"],
    ),
    limit(
        "limits.files",
        |it| it.limits.files.is_some(),
        ["softlimit -o", "chpst -o", "s6-softlimit -o", "LimitNOFILE=", "prlimit --nofile"],
    ),
    limit(
        "limits.processes",
        |it| it.limits.processes.is_some(),
        ["softlimit -p", "chpst -p", "s6-softlimit -p", "LimitNPROC=", "prlimit --nproc"],
    ),
    limit(
        "limits.cpu",
        |it| it.limits.cpu.is_some(),
        ["softlimit -t", "chpst -t", "s6-softlimit -t", "LimitCPU=", "prlimit --cpu"],
    ),
    only(
        "limits.files",
        "`infinity`, or any other limit",
        |it| asks(&it.limits, |limit| limit.soft == Bound::Infinity),
        [
            By("softlimit ="),
            By("softlimit ="),
            By(PRLIMIT),
            By("s6-softlimit ="),
            By("infinity"),
            By(PRLIMIT),
        ],
    ),
    only(
        "limits.files",
        "`hard`, of this or any other limit",
        |it| asks(&it.limits, |limit| limit.hard.is_some()),
        [By(PRLIMIT), By(PRLIMIT), By(PRLIMIT), By(PRLIMIT), By("Limit…=soft:hard"), By(PRLIMIT)],
    ),
    resource("resources.memory_max", |it| it.resources.memory_max.is_some(), "MemoryMax="),
    resource("resources.memory_high", |it| it.resources.memory_high.is_some(), "MemoryHigh="),
    resource("resources.swap_max", |it| it.resources.swap_max.is_some(), "MemorySwapMax="),
    resource("resources.pids", |it| it.resources.pids.is_some(), "TasksMax="),
    resource("resources.cpu", |it| it.resources.cpu.is_some(), "CPUQuota="),
    resource("resources.cpu_weight", |it| it.resources.cpu_weight.is_some(), "CPUWeight="),
    resource("resources.io_weight", |it| it.resources.io_weight.is_some(), "IOWeight="),
];

fn asks(limits: &Limits, test: impl Fn(&Limit<u64>) -> bool) -> bool {
    limits.each().iter().any(|(_, limit)| test(limit))
}

const fn resource(
    key: &'static str,
    asks: fn(&Service) -> bool,
    systemd: &'static str,
) -> Capability {
    row(key, asks, [Not(WHOLE), Not(WHOLE), Not(WHOLE), Not(WHOLE), By(systemd), Not(WHOLE)])
}
