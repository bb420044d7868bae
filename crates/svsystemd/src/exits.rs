//! What a code of exit or a signal is called.
//!
//! From 200 on a code says which step of starting the program failed, before the program ran.
//!
//! Source: `systemd.exec(5)`, "Process exit codes", and `exit-status.c` of systemd 252 to 262.

/// Codes and systemd's words for them.
const STEPS: [(u64, &str, &str); 47] = [
    (200, "CHDIR", "its working directory cannot be entered"),
    (201, "NICE", "its priority cannot be set"),
    (202, "FDS", "its descriptors cannot be set up"),
    (203, "EXEC", "the program cannot be executed"),
    (204, "MEMORY", "there is no memory"),
    (205, "LIMITS", "its limits cannot be set"),
    (206, "OOM_ADJUST", "its preference for the out-of-memory killer cannot be set"),
    (207, "SIGNAL_MASK", "its signal mask cannot be set"),
    (208, "STDIN", "its standard input cannot be set up"),
    (209, "STDOUT", "its standard output cannot be set up"),
    (210, "CHROOT", "its root directory cannot be entered"),
    (211, "IOPRIO", "its priority for input and output cannot be set"),
    (212, "TIMERSLACK", "its timer slack cannot be set"),
    (213, "SECUREBITS", "its secure bits cannot be set"),
    (214, "SETSCHEDULER", "its scheduler cannot be set"),
    (215, "CPUAFFINITY", "its processors cannot be set"),
    (216, "GROUP", "its group is unknown or cannot be set"),
    (217, "USER", "its user is unknown or cannot be set"),
    (218, "CAPABILITIES", "its capabilities cannot be set"),
    (219, "CGROUP", "its control group cannot be set up"),
    (220, "SETSID", "its session cannot be made"),
    (221, "CONFIRM", "its start was declined"),
    (222, "STDERR", "its standard error cannot be set up"),
    (224, "PAM", "PAM refuses"),
    (225, "NETWORK", "its network namespace cannot be set up"),
    (226, "NAMESPACE", "its mounts cannot be set up"),
    (227, "NO_NEW_PRIVILEGES", "new privileges cannot be forbidden"),
    (228, "SECCOMP", "its filter of system calls cannot be set"),
    (229, "SELINUX_CONTEXT", "its SELinux context cannot be set"),
    (230, "PERSONALITY", "its execution domain cannot be set"),
    (231, "APPARMOR_PROFILE", "its AppArmor profile cannot be set"),
    (232, "ADDRESS_FAMILIES", "its address families cannot be restricted"),
    (233, "RUNTIME_DIRECTORY", "its runtime directory cannot be made"),
    (235, "CHOWN", "the owner of its socket cannot be set"),
    (236, "SMACK_PROCESS_LABEL", "its SMACK label cannot be set"),
    (237, "KEYRING", "its keyring cannot be set up"),
    (238, "STATE_DIRECTORY", "its state directory cannot be made"),
    (239, "CACHE_DIRECTORY", "its cache directory cannot be made"),
    (240, "LOGS_DIRECTORY", "its logs directory cannot be made"),
    (241, "CONFIGURATION_DIRECTORY", "its configuration directory cannot be made"),
    (242, "NUMA_POLICY", "its memory policy cannot be set"),
    (243, "CREDENTIALS", "its credentials cannot be set up"),
    (244, "BPF", "its BPF programs cannot be set up"),
    (245, "KSM", "its merging of memory cannot be set"),
    (246, "MEMORY_THP", "its huge pages cannot be set"),
    (248, "TIMEOUT_NAMESPACE", "its namespaces took too long"),
    (255, "EXCEPTION", "an error of the system"),
];

/// The step before the program that failed; `None` for a code of the program's own.
pub(crate) fn step(code: u64) -> Option<String> {
    // A program may well exit with 255 itself.
    let row = STEPS.iter().find(|(number, ..)| *number == code && code != 255);
    row.map(|(_, word, sentence)| format!("{sentence}, {word}"))
}

/// The name of a signal.
pub(crate) fn signal(number: u64) -> String {
    let name = u8::try_from(number).ok().and_then(svclient::signal_name);
    name.map_or_else(|| format!("signal {number}"), str::to_owned)
}
