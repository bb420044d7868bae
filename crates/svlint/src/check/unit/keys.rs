//! The keys that systemd reads, by section: what its versions 252 to 262 say of themselves. In words with
//! blanks between them.
//!
//! Source: `systemd --dump-configuration-items` of 252.38, 257.13 and 262.1.

/// Keys of what runs processes: services, sockets, mounts, swaps.
const OF_PROCESSES: &str = "\
    AllowedCPUs AllowedMemoryNodes AmbientCapabilities AppArmorProfile BPFDelegateAttachments \
    BPFDelegateCommands BPFDelegateMaps BPFDelegatePrograms BPFProgram BindLogSockets \
    BindNetworkInterface BindPaths BindReadOnlyPaths BlockIOAccounting BlockIODeviceWeight \
    BlockIOReadBandwidth BlockIOWeight BlockIOWriteBandwidth CPUAccounting CPUAffinity \
    CPUPressureThresholdSec CPUPressureWatch CPUQuota CPUQuotaPeriodSec CPUSchedulingPolicy \
    CPUSchedulingPriority CPUSchedulingResetOnFork CPUSetPartition CPUShares CPUWeight \
    CacheDirectory CacheDirectoryAccounting CacheDirectoryMode CacheDirectoryQuota \
    CapabilityBoundingSet ConfigurationDirectory ConfigurationDirectoryMode CoredumpFilter \
    CoredumpReceive DefaultMemoryLow DefaultMemoryMin DefaultStartupMemoryLow Delegate \
    DelegateNamespaces DelegateSubgroup DeviceAllow DevicePolicy DisableControllers DynamicUser \
    Environment EnvironmentFile ExecPaths ExecSearchPath ExtensionDirectories \
    ExtensionImagePolicy ExtensionImages FinalKillSignal Group IOAccounting \
    IODeviceLatencyTargetSec IODeviceWeight IOPressureThresholdSec IOPressureWatch \
    IOReadBandwidthMax IOReadIOPSMax IOSchedulingClass IOSchedulingPriority IOWeight \
    IOWriteBandwidthMax IOWriteIOPSMax IPAccounting IPAddressAllow IPAddressDeny \
    IPCNamespacePath IPEgressFilterPath IPIngressFilterPath IgnoreSIGPIPE ImportCredential \
    InaccessibleDirectories InaccessiblePaths KeyringMode KillMode KillSignal LimitAS LimitCORE \
    LimitCPU LimitDATA LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE \
    LimitNPROC LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING LimitSTACK LoadCredential \
    LoadCredentialEncrypted LockPersonality LogExtraFields LogFilterPatterns LogLevelMax \
    LogNamespace LogRateLimitBurst LogRateLimitIntervalSec LogsDirectory LogsDirectoryAccounting \
    LogsDirectoryMode LogsDirectoryQuota ManagedOOMMemoryPressure \
    ManagedOOMMemoryPressureDurationSec ManagedOOMMemoryPressureLimit ManagedOOMPreference \
    ManagedOOMSwap MemoryAccounting MemoryDenyWriteExecute MemoryHigh MemoryKSM MemoryLimit \
    MemoryLow MemoryMax MemoryMin MemoryPressureThresholdSec MemoryPressureWatch MemorySwapMax \
    MemoryTHP MemoryZSwapMax MemoryZSwapWriteback MountAPIVFS MountFlags MountImagePolicy \
    MountImages NFTSet NUMAMask NUMAPolicy NetworkNamespacePath Nice NoExecPaths NoNewPrivileges \
    OOMRules OOMScoreAdjust PAMName PassEnvironment Personality PrivateBPF PrivateDevices \
    PrivateIPC PrivateMounts PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers ProcSubset \
    ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs \
    ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyDirectories \
    ReadOnlyPaths ReadWriteDirectories ReadWritePaths RemoveIPC RestartKillSignal \
    RestrictAddressFamilies RestrictFileSystems RestrictNamespaces RestrictNetworkInterfaces \
    RestrictRealtime RestrictSUIDSGID RootDirectory RootEphemeral RootHash RootHashSignature \
    RootImage RootImageOptions RootImagePolicy RootMStack RootVerity RuntimeDirectory \
    RuntimeDirectoryMode RuntimeDirectoryPreserve SELinuxContext SecureBits SendSIGHUP \
    SendSIGKILL SetCredential SetCredentialEncrypted SetLoginEnvironment Slice SmackProcessLabel \
    SocketBindAllow SocketBindDeny StandardError StandardInput StandardInputData \
    StandardInputText StandardOutput StartupAllowedCPUs StartupAllowedMemoryNodes \
    StartupBlockIOWeight StartupCPUShares StartupCPUWeight StartupIOWeight StartupMemoryHigh \
    StartupMemoryLow StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax StateDirectory \
    StateDirectoryAccounting StateDirectoryMode StateDirectoryQuota SupplementaryGroups \
    SyslogFacility SyslogIdentifier SyslogLevel SyslogLevelPrefix SystemCallArchitectures \
    SystemCallErrorNumber SystemCallFilter SystemCallLog TTYColumns TTYPath TTYReset TTYRows \
    TTYVHangup TTYVTDisallocate TasksAccounting TasksMax TemporaryFileSystem TimeoutCleanSec \
    TimeoutSec TimerSlackNSec UMask UnsetEnvironment User UserNamespacePath UtmpIdentifier \
    UtmpMode WatchdogSignal WorkingDirectory";

/// Keys of slices and scopes as well.
const OF_GROUPS: &str = "\
    ActivatingConcurrencyMax AllowedCPUs AllowedMemoryNodes BPFProgram BindNetworkInterface \
    BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight \
    BlockIOWriteBandwidth CPUAccounting CPUPressureThresholdSec CPUPressureWatch CPUQuota \
    CPUQuotaPeriodSec CPUSetPartition CPUShares CPUWeight ConcurrencyHardMax ConcurrencySoftMax \
    CoredumpReceive DefaultMemoryLow DefaultMemoryMin DefaultStartupMemoryLow Delegate \
    DelegateSubgroup DeviceAllow DevicePolicy DisableControllers FinalKillSignal IOAccounting \
    IODeviceLatencyTargetSec IODeviceWeight IOPressureThresholdSec IOPressureWatch \
    IOReadBandwidthMax IOReadIOPSMax IOWeight IOWriteBandwidthMax IOWriteIOPSMax IPAccounting \
    IPAddressAllow IPAddressDeny IPEgressFilterPath IPIngressFilterPath KillMode KillSignal \
    ManagedOOMMemoryPressure ManagedOOMMemoryPressureDurationSec ManagedOOMMemoryPressureLimit \
    ManagedOOMPreference ManagedOOMSwap MemoryAccounting MemoryHigh MemoryLimit MemoryLow \
    MemoryMax MemoryMin MemoryPressureThresholdSec MemoryPressureWatch MemorySwapMax \
    MemoryZSwapMax MemoryZSwapWriteback NFTSet OOMPolicy OOMRules RestartKillSignal \
    RestrictNetworkInterfaces RuntimeMaxSec RuntimeRandomizedExtraSec SendSIGHUP SendSIGKILL \
    Slice SocketBindAllow SocketBindDeny StartupAllowedCPUs StartupAllowedMemoryNodes \
    StartupBlockIOWeight StartupCPUShares StartupCPUWeight StartupIOWeight StartupMemoryHigh \
    StartupMemoryLow StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax TasksAccounting \
    TasksMax TimeoutStopSec WatchdogSignal";

const UNIT: &str = "\
    After AllowIsolate AssertACPower AssertArchitecture AssertCPUFeature AssertCPUPressure \
    AssertCPUs AssertCapability AssertControlGroupController AssertCredential \
    AssertDirectoryNotEmpty AssertEnvironment AssertFileIsExecutable AssertFileNotEmpty \
    AssertFirstBoot AssertFraction AssertGroup AssertHost AssertIOPressure \
    AssertKernelCommandLine AssertKernelModuleLoaded AssertKernelVersion AssertMachineTag \
    AssertMemory AssertMemoryPressure AssertNeedsUpdate AssertOSRelease AssertPathExists \
    AssertPathExistsGlob AssertPathIsDirectory AssertPathIsEncrypted AssertPathIsMountPoint \
    AssertPathIsReadWrite AssertPathIsSocket AssertPathIsSymbolicLink AssertSecurity AssertUser \
    AssertVersion AssertVirtualization Before BindTo BindsTo CollectMode ConditionACPower \
    ConditionArchitecture ConditionCPUFeature ConditionCPUPressure ConditionCPUs \
    ConditionCapability ConditionControlGroupController ConditionCredential \
    ConditionDirectoryNotEmpty ConditionEnvironment ConditionFileIsExecutable \
    ConditionFileNotEmpty ConditionFirmware ConditionFirstBoot ConditionFraction ConditionGroup \
    ConditionHost ConditionIOPressure ConditionKernelCommandLine ConditionKernelModuleLoaded \
    ConditionKernelVersion ConditionMachineTag ConditionMemory ConditionMemoryPressure \
    ConditionNeedsUpdate ConditionOSRelease ConditionPathExists ConditionPathExistsGlob \
    ConditionPathIsDirectory ConditionPathIsEncrypted ConditionPathIsMountPoint \
    ConditionPathIsReadWrite ConditionPathIsSocket ConditionPathIsSymbolicLink ConditionSecurity \
    ConditionUser ConditionVersion ConditionVirtualization Conflicts DefaultDependencies \
    Description Documentation FailureAction FailureActionExitStatus IgnoreOnIsolate \
    JobRunningTimeoutSec JobTimeoutAction JobTimeoutRebootArgument JobTimeoutSec \
    JoinsNamespaceOf OnFailure OnFailureIsolate OnFailureJobMode OnSuccess OnSuccessJobMode \
    PartOf PropagateReloadFrom PropagateReloadTo PropagatesReloadTo PropagatesStopTo \
    RebootArgument RefuseManualStart RefuseManualStop ReloadPropagatedFrom Requires \
    RequiresMountsFor RequiresOverridable Requisite RequisiteOverridable SourcePath \
    StartLimitAction StartLimitBurst StartLimitInterval StartLimitIntervalSec StopPropagatedFrom \
    StopWhenUnneeded SuccessAction SuccessActionExitStatus SurviveFinalKillSignal Upholds Wants \
    WantsMountsFor";

const SERVICE: &str = "\
    BusName ExecCondition ExecReload ExecReloadPost ExecStart ExecStartPost ExecStartPre \
    ExecStop ExecStopPost ExitType FailureAction FileDescriptorStoreMax \
    FileDescriptorStorePreserve GuessMainPID LUOSession NonBlocking NotifyAccess OOMPolicy \
    OpenFile PIDFile PermissionsStartOnly RebootArgument RefreshOnReload ReloadSignal \
    RemainAfterExit Restart RestartForceExitStatus RestartMaxDelaySec RestartMode \
    RestartPreventExitStatus RestartRandomizedDelaySec RestartSec RestartSteps \
    RootDirectoryStartOnly RuntimeMaxSec RuntimeRandomizedExtraSec Sockets StartLimitAction \
    StartLimitBurst StartLimitInterval SuccessExitStatus TimeoutAbortSec TimeoutStartFailureMode \
    TimeoutStartSec TimeoutStopFailureMode TimeoutStopSec Type USBFunctionDescriptors \
    USBFunctionStrings WatchdogSec";

const SOCKET: &str = "\
    Accept AcceptFileDescriptors Backlog BindIPv6Only BindToDevice Broadcast DeferAcceptSec \
    DeferTrigger DeferTriggerMaxSec DirectoryMode ExecStartPost ExecStartPre ExecStopPost \
    ExecStopPre FileDescriptorName FlushPending FreeBind IPTOS IPTTL KeepAlive \
    KeepAliveIntervalSec KeepAliveProbes KeepAliveTimeSec ListenDatagram ListenFIFO \
    ListenMessageQueue ListenNetlink ListenSequentialPacket ListenSpecial ListenStream \
    ListenUSBFunction Mark MaxConnections MaxConnectionsPerSource MessageQueueMaxMessages \
    MessageQueueMessageSize NoDelay PassCredentials PassFileDescriptorsToExec PassPIDFD \
    PassPacketInfo PassSecurity PipeSize PollLimitBurst PollLimitIntervalSec Priority \
    ReceiveBuffer RemoveOnStop ReusePort SELinuxContextFromNet SendBuffer Service SmackLabel \
    SmackLabelIPIn SmackLabelIPOut SocketGroup SocketMode SocketProtocol SocketUser Symlinks \
    TCPCongestion Timestamping Transparent TriggerLimitBurst TriggerLimitIntervalSec Writable \
    XAttrAccept XAttrEntryPoint XAttrListen";

const OTHERS: [(&str, &str); 6] = [
    (
        "Mount",
        "\
    DirectoryMode ForceUnmount LazyUnmount Options ReadWriteOnly SloppyOptions Type What Where",
    ),
    (
        "Automount",
        "\
    DirectoryMode ExtraOptions TimeoutIdleSec Where",
    ),
    (
        "Swap",
        "\
    Options Priority What",
    ),
    (
        "Timer",
        "\
    AccuracySec DeferReactivation FixedRandomDelay OnActiveSec OnBootSec OnCalendar \
    OnClockChange OnStartupSec OnTimezoneChange OnUnitActiveSec OnUnitInactiveSec Persistent \
    RandomizedDelaySec RandomizedOffsetSec RemainAfterElapse Unit WakeSystem",
    ),
    (
        "Path",
        "\
    DirectoryMode DirectoryNotEmpty MakeDirectory PathChanged PathExists PathExistsGlob \
    PathModified TriggerLimitBurst TriggerLimitIntervalSec Unit",
    ),
    (
        "Install",
        "\
    Alias Also DefaultInstance RequiredBy UpheldBy WantedBy",
    ),
];

/// Keys that take yes or no.
const YES_OR_NO: &str = "\
    Accept AcceptFileDescriptors AllowIsolate BlockIOAccounting Broadcast CPUAccounting \
    CPUSchedulingResetOnFork CacheDirectoryAccounting CoredumpReceive DefaultDependencies \
    DeferReactivation DynamicUser FixedRandomDelay FlushPending FreeBind GuessMainPID \
    IOAccounting IPAccounting IgnoreOnIsolate IgnoreSIGPIPE KeepAlive LockPersonality \
    LogsDirectoryAccounting MemoryAccounting MemoryDenyWriteExecute MemoryZSwapWriteback NoDelay \
    NoNewPrivileges NonBlocking OnClockChange OnFailureIsolate OnTimezoneChange PassCredentials \
    PassFileDescriptorsToExec PassPIDFD PassPacketInfo PassSecurity PermissionsStartOnly \
    Persistent PrivateDevices PrivateIPC PrivateNetwork ProtectClock ProtectKernelLogs \
    ProtectKernelModules ProtectKernelTunables RefuseManualStart RefuseManualStop \
    RemainAfterElapse RemainAfterExit RemoveIPC RemoveOnStop RestrictRealtime RestrictSUIDSGID \
    ReusePort RootDirectoryStartOnly RootEphemeral SELinuxContextFromNet SendSIGHUP SendSIGKILL \
    StateDirectoryAccounting StopWhenUnneeded SurviveFinalKillSignal SyslogLevelPrefix TTYReset \
    TTYVHangup TTYVTDisallocate TasksAccounting Transparent WakeSystem Writable";

const SECTIONS: [&str; 11] = [
    "Unit",
    "Service",
    "Socket",
    "Mount",
    "Automount",
    "Swap",
    "Timer",
    "Path",
    "Slice",
    "Scope",
    "Install",
];

/// The lists of keys of a section.
fn lists(section: &str) -> Option<[&'static str; 2]> {
    Some(match section {
        "Unit" => [UNIT, ""],
        "Service" => [SERVICE, OF_PROCESSES],
        "Socket" => [SOCKET, OF_PROCESSES],
        "Slice" | "Scope" => [OF_GROUPS, ""],
        "Mount" | "Swap" => [other(section)?, OF_PROCESSES],
        _ => [other(section)?, ""],
    })
}

fn other(section: &str) -> Option<&'static str> {
    OTHERS.iter().find(|it| it.0 == section).map(|it| it.1)
}

/// Whether systemd reads such a section.
pub(super) fn is_section(name: &str) -> bool {
    SECTIONS.contains(&name)
}

/// The section that comes nearest to a word.
pub(super) fn near_section(word: &str) -> Option<&'static str> {
    SECTIONS.into_iter().find(|it| strsim::damerau_levenshtein(it, word) <= 2)
}

/// The keys of a section.
pub(super) fn of(section: &str) -> impl Iterator<Item = &'static str> {
    lists(section).into_iter().flatten().flat_map(str::split_ascii_whitespace)
}

/// The sections that have a key.
pub(super) fn sections_of(key: &str) -> Vec<&'static str> {
    SECTIONS.into_iter().filter(|section| of(section).any(|it| it == key)).collect()
}

/// Whether a key takes yes or no, and nothing else.
pub(super) fn is_yes_or_no(key: &str) -> bool {
    YES_OR_NO.split_ascii_whitespace().any(|it| it == key)
}
