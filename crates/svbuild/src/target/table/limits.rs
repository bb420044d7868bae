//! What a process may use.

use crate::target::capability::{Capability, limit};

pub(super) const ROWS: [Capability; 11] = [
    limit(
        "limits.memory",
        |it| it.limits.memory.is_some(),
        [
            "softlimit -m",
            "chpst -m",
            "s6-softlimit -m",
            "LimitDATA= LimitSTACK= LimitMEMLOCK= LimitAS=",
            "prlimit --data --stack --as, ulimit -l",
        ],
    ),
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
];
