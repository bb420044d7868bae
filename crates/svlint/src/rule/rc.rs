//! Rules about sources of s6-rc, and the layout of s6-overlay.

use super::table;

table! { Rc:
    TYPE "s6rc-type" Error
        "a source has no valid type",
        "s6-rc-compile refuses the whole set.",
        "Write longrun, oneshot or bundle to the file type.";
    NO_RUN "s6rc-no-run" Error
        "a longrun has no run",
        "s6-rc-compile refuses the whole set.",
        "Write run, or make it a oneshot with up.";
    NO_UP "s6rc-no-up" Error
        "a oneshot has no up",
        "s6-rc-compile refuses the whole set.",
        "Write up: one command of execline.";
    NO_CONTENTS "s6rc-no-contents" Error
        "a bundle has no contents",
        "s6-rc-compile refuses the whole set.",
        "Make contents.d, with an empty file for each service.";
    UNKNOWN "s6rc-unknown" Error
        "a service that is named is not among the sources",
        "s6-rc-compile refuses the whole set.",
        "Correct the name, or add the source.";
    CYCLE "s6rc-cycle" Error
        "services depend on each other in a circle",
        "s6-rc-compile refuses the whole set.",
        "Remove one of the dependencies.";
    PIPELINE "s6rc-pipeline" Error
        "producer-for and consumer-for do not agree",
        "s6-rc-compile refuses the whole set: both ends have to name each other.",
        "Name each in the file of the other.";
    NUMBER "s6rc-number" Error
        "a time is no number",
        "s6-rc-compile refuses the whole set.",
        "Write milliseconds, digits alone.";
    UP_SHEBANG "s6rc-up-shebang" Warning
        "up begins with #!",
        "up is one command line of execline, not a script: the first line is a comment to it, and what follows is read by execline, not by that shell.",
        "Put the script beside it, and write its path to up.";
    DOUBLE "s6rc-double" Error
        "the same list is a file and a directory",
        "Only one of them is read.",
        "Keep the directory, and move the lines of the file there.";
    NOT_IN_BUNDLE "s6rc-not-in-bundle" Warning
        "nothing starts this service",
        "s6-overlay brings up the bundle user and what that needs. A service that is in no bundle and that nobody depends on is compiled and never started.",
        "Make an empty file of its name in user/contents.d.";
    OLD_SHEBANG "s6rc-old-shebang" Warning
        "a script names the place of s6-overlay's programs in version 2",
        "Version 3 has them in /command, and at /usr/bin only where its symlinks are installed as well; else the script does not exist to the system.",
        "#!/command/with-contenv";
}
