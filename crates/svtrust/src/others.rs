//! Who others are: access lists, members of groups, who mounted a file system, and owners without a
//! number here. What cannot be found out counts as others.

use std::{fs::File, io::Read as _, os::fd::AsFd, path::Path};

use rustix::fs::Stat;

use crate::Distrust;

/// Nothing that is read here is larger where it means what it should.
const LARGEST: u64 = 4 << 20;

fn read(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The directories of a system that belong to root on every one, and to nobody that has work to do
/// there.
const OF_A_SYSTEM: [&str; 25] = [
    "/",
    "/dev",
    "/dev/shm",
    "/etc",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/run",
    "/run/user",
    "/srv",
    "/sys",
    "/sys/fs",
    "/sys/fs/cgroup",
    "/tmp",
    "/usr",
    "/usr/local",
    "/var",
    "/var/cache",
    "/var/home",
    "/var/lib",
    "/var/log",
    "/var/opt",
    "/var/run",
    "/var/tmp",
];

/// Whether a path is that of a directory which is root's on every system, or of a link to such.
pub(crate) fn is_everywhere_roots(path: &Path) -> bool {
    OF_A_SYSTEM.iter().any(|dir| Path::new(dir) == path)
}

/// Whether this is how users outside of this user namespace are shown, root among them. `false`
/// where there is no `/proc` to ask.
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_outsider(uid: u32) -> bool {
    read("/proc/self/uid_map").is_some_and(|map| !is_mapped(&map, uid))
}

/// Whether this is how users outside of this user namespace are shown; there are none here.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub const fn is_outsider(_: u32) -> bool {
    false
}

/// Whether a number is that of a user in this map: lines of first number here, first number
/// outside, how many.
#[cfg(any(target_os = "linux", test))]
fn is_mapped(map: &str, uid: u32) -> bool {
    let mut ranges = map.lines().filter_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
        Some((numbers.next()?.ok()?, numbers.nth(1)?.ok()?))
    });
    ranges.any(|(from, count)| (from..from.saturating_add(count)).contains(&uid.into()))
}

/// Whether anybody but this user is in a group, as far as the machine's own files say.
pub(crate) fn has_others(gid: u32, uid: u32) -> bool {
    let (passwd, group) = (read("/etc/passwd"), read("/etc/group"));
    members(&passwd.unwrap_or_default(), &group.unwrap_or_default(), gid, uid)
}

fn members(passwd: &str, group: &str, gid: u32, uid: u32) -> bool {
    // name:password:uid:gid:...
    let users = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?))
    });
    let users: Vec<_> = users.collect();
    let is_of = |name: &str| users.iter().any(|&(user, of, _)| user == name && of == uid);
    // name:password:gid:member,member
    let mut listed = group.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(2);
        let of = fields.next()?.parse::<u32>().ok()?;
        (of == gid).then(|| fields.next().unwrap_or_default())
    });
    users.iter().any(|&(_, of, group)| group == gid && of != uid)
        || listed.any(|names| names.split(',').any(|it| !it.is_empty() && !is_of(it)))
}

/// Who may write in a directory besides its owner and everybody: its group, or whoever its access
/// list names.
#[cfg(target_os = "linux")]
pub(crate) fn listed(dir: impl AsFd, gid: u32) -> Vec<Distrust> {
    use rustix::{
        fs::{Mode, OFlags, fgetxattr, openat},
        io::Errno,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    // A descriptor that is only a way does not tell.
    let mut list = vec![0; 64 << 10];
    let read = openat(dir, c".", flags, Mode::empty())
        .and_then(|dir| fgetxattr(dir, c"system.posix_acl_access", &mut *list));
    match read {
        Ok(length) => entries(list.get(..length).unwrap_or_default(), gid),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => vec![Distrust::Group(gid)],
        // Whoever it is: the group's bit says that there is somebody.
        Err(_) => vec![Distrust::Group(gid), Distrust::Everybody],
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn listed(_dir: impl AsFd, gid: u32) -> Vec<Distrust> {
    vec![Distrust::Group(gid)]
}

/// Whether a file has an access list, which may give rights that its mode does not show (Linux). `true` also
/// where that cannot be seen.
///
/// ```
/// assert!(!svtrust::has_access_list("/".as_ref()));
/// ```
#[cfg(target_os = "linux")]
#[must_use]
pub fn has_access_list(path: &Path) -> bool {
    use rustix::{fs::getxattr, io::Errno};
    let read = getxattr(path, c"system.posix_acl_access", &mut [0_u8; 0][..]);
    !matches!(read, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Not told there.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn has_access_list(_path: &Path) -> bool {
    false
}

/// Who may write by an access list: a version of four bytes, then entries of tag, rights and
/// number.
///
/// Source: `include/uapi/linux/posix_acl_xattr.h`.
#[cfg(any(target_os = "linux", test))]
fn entries(list: &[u8], gid: u32) -> Vec<Distrust> {
    const WRITE: u16 = 2;
    const USER: u16 = 0x02;
    const OWN_GROUP: u16 = 0x04;
    const GROUP: u16 = 0x08;
    const MASK: u16 = 0x10;
    let entries = list.get(4..).unwrap_or_default().chunks_exact(8).filter_map(|entry| {
        let [t0, t1, r0, r1, id @ ..] = <[u8; 8]>::try_from(entry).ok()?;
        Some((u16::from_le_bytes([t0, t1]), u16::from_le_bytes([r0, r1]), u32::from_le_bytes(id)))
    });
    let entries: Vec<_> = entries.collect();
    let mask = entries.iter().find(|entry| entry.0 == MASK).map_or(WRITE, |entry| entry.1);
    let writing = entries.iter().filter(|entry| entry.1 & mask & WRITE != 0);
    let who = writing.filter_map(|&(tag, _, id)| match tag {
        USER => Some(Distrust::User(id)),
        GROUP => Some(Distrust::Group(id)),
        OWN_GROUP => Some(Distrust::Group(gid)),
        _ => None,
    });
    who.collect()
}

/// Who else decides what is to be seen in a directory, because the file system is a program of
/// theirs.
#[cfg(target_os = "linux")]
pub(crate) fn mounted(
    dir: impl AsFd,
    stat: &Stat,
    trusts: impl Fn(u32) -> bool,
) -> Option<Distrust> {
    // Positive in whatever type the machine has for it.
    const FUSE: rustix::fs::FsWord = 0x6573_5546;
    let is_fuse = |it: rustix::fs::StatFs| it.f_type == FUSE;
    if !rustix::fs::fstatfs(dir).is_ok_and(is_fuse) {
        return None;
    }
    let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
    let mounts = read("/proc/self/mountinfo").unwrap_or_default();
    match mounter(&mounts, &format!("{major}:{minor}")) {
        Some(uid) => (!trusts(uid)).then_some(Distrust::Mounted(uid)),
        None => Some(Distrust::MountedBySomebody),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn mounted(_: impl AsFd, _: &Stat, _: impl Fn(u32) -> bool) -> Option<Distrust> {
    None
}

/// Who mounted the file system of this device number, by the lines of `/proc/self/mountinfo`.
///
/// Source: `proc_pid_mountinfo(5)`; `user_id` of FUSE in `fs/fuse/inode.c`.
#[cfg(any(target_os = "linux", test))]
fn mounter(mounts: &str, device: &str) -> Option<u32> {
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(device))?;
    let (_, after) = line.split_once(" - ")?;
    let mut fields = after.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    if kind == "virtiofs" {
        // A machine's own, from the one that it runs on; only root mounts it.
        return Some(0);
    }
    options.split(',').find_map(|option| option.strip_prefix("user_id=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_says_who_has_a_number_here() {
        let whole = "         0          0 4294967295\n";
        assert!(is_mapped(whole, 65534) && is_mapped(whole, 0));
        let alone = "         0       1000          1\n";
        assert!(is_mapped(alone, 0) && !is_mapped(alone, 65534) && !is_mapped(alone, 1));
        let container = "0 1000 1\n1 100000 65536\n";
        assert!(is_mapped(container, 65534) && !is_mapped(container, 70000));
        assert!(!is_mapped("", 0));
    }

    #[test]
    fn who_is_in_a_group_is_read_from_both_files() {
        let passwd = "root:x:0:0::/:\nann:x:1000:1000:Ann:/home/ann:/bin/sh\nbob:x:1001:1001::/:\n";
        let alone = "ann:x:1000:\nbob:x:1001:\n";
        assert!(!members(passwd, alone, 1000, 1000));
        assert!(!members(passwd, "ann:x:1000:ann\n", 1000, 1000));
        assert!(members(passwd, "ann:x:1000:ann,bob\n", 1000, 1000));
        assert!(members(passwd, "ann:x:1000:nobody-knows\n", 1000, 1000));
        let shared = format!("{passwd}www:x:33:1000::/:\n");
        assert!(members(&shared, alone, 1000, 1000));
        assert!(!members("", "", 1000, 1000));
    }

    /// An access list as the system gives it.
    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn an_access_list_names_who_may_write_as_far_as_its_mask_allows() {
        let none = u32::MAX;
        let two =
            [(1, 7, none), (2, 7, 1001), (4, 5, none), (8, 6, 50), (16, 7, none), (32, 5, none)];
        assert_eq!(entries(&list(&two), 0), [Distrust::User(1001), Distrust::Group(50)]);
        let masked = two.map(|(tag, rights, id)| (tag, if tag == 16 { 5 } else { rights }, id));
        assert_eq!(entries(&list(&masked), 0), []);
        assert_eq!(
            entries(&list(&[(1, 7, none), (4, 7, none), (32, 5, none)]), 9),
            [Distrust::Group(9)]
        );
        assert_eq!(entries(&[1, 2, 3], 0), []);
    }

    #[test]
    fn a_mount_says_whose_it_is() {
        let mounts = "\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
90 22 0:52 / /tmp/a\\040b rw,nosuid shared:9 master:1 - fuse.sshfs ann@host: rw,user_id=1000,group_id=100,allow_other\n\
91 22 0:53 / /mnt rw - fuseblk /dev/sdb rw,user_id=0,group_id=0,allow_other\n\
92 22 0:54 / /shared rw - virtiofs tag rw\n\
93 22 0:55 / /odd rw - fuse x rw\n";
        let found = ["0:52", "0:53", "0:54", "0:55", "0:5"].map(|it| mounter(mounts, it));
        assert_eq!(found, [Some(1000), Some(0), Some(0), None, None]);
    }
}
