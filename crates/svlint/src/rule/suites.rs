//! Rules about what suites read in their directories.

use super::table;

table! { Directories:
    LINK_BROKEN "link-broken" Error (LinkBroken)
        "an entry of a scan directory is a link to nothing",
        "No supervisor is started for it. s6-svscan 2.13 and later gives up the whole scan because of one such link.",
        "Remove the link, or make what it leads to.";
    HIDDEN "hidden-service" Warning
        "a service directory begins with a dot",
        "Every scanner passes over names that begin with a dot: it is never started.",
        "Rename it; to keep it from being started, move it out of the scan directory.";
    LEFTOVER "leftover-service" Warning
        "a copy of a service directory is in the scan directory",
        "A scanner starts whatever directory is there: the copy runs beside the service, and takes its address.",
        "Move the copy out of the scan directory.";
    LINKED_TWICE "linked-twice" Warning
        "two entries of a scan directory lead to one service directory",
        "A scanner knows a directory by what it is, and passes over the second name: no service of that name is ever there to be asked.",
        "Remove one of the links.";
    SHARED_SUPERVISE "shared-supervise" Error
        "two services share one supervise directory",
        "The second supervisor cannot get the lock (temporary failure), so one of the services never starts.",
        "Give each a supervise of its own.";
    LINKS_UP "links-up" Warning
        "an entry of a scan directory leads to a directory above it",
        "The scanner starts a supervisor in it, which finds no run, or finds itself.",
        "Remove the link.";
    LOG_NOT_DIRECTORY "log-not-directory" Error
        "log is a file",
        "Only daemontools-encore takes a file named log. Elsewhere the service has no logger, and what it prints goes to the scanner's output.",
        "Make a directory log, and name the file log/run.";
    FINISH_IGNORED "finish-ignored" Warning
        "this suite has no finish",
        "daemontools never runs it.",
        "Do it in run, before exec; daemontools-encore has stop.";
    LOG_FINISH_IGNORED "log-finish-ignored" Warning
        "runit runs no finish of a logger",
        "runsv runs log/run alone.",
        "Do it in log/run.";
    CHECK_IGNORED "check-ignored" Note
        "only runit reads check",
        "Nothing runs it under this suite, so that it decides nothing.",
        "s6: data/check with s6-notifyoncheck.";
    CONTROL_IGNORED "control-ignored" Warning
        "only runit runs scripts in control",
        "The supervisor sends its signal as if they were not there.",
        "Handle the signal in the program; s6 has down-signal, daemontools-encore stop.";
    CONTROL_NAME "control-name" Warning
        "control has a script that no request runs",
        "runsv runs control/t, d, u, x, k, p, c, a, h, i, q, 1 and 2, one letter each.",
        "Name it by the letter of its request: control/t for TERM.";
    S6_FILE_IGNORED "s6-file-ignored" Warning
        "only s6 reads this file",
        "It changes nothing under this suite.",
        "Remove it, or see svctl build for what this suite has instead.";
    S6_NUMBER "s6-number" Warning
        "a file of s6 holds no number",
        "s6-supervise ignores the file with a warning: no readiness, no time limit.",
        "Write digits and a line end, nothing else.";
    S6_NOTIFICATION_FD "s6-notification-fd" Warning
        "notification-fd names standard input, output or error",
        "The pipe of readiness takes the place of that stream. 0 is refused, and with 1 each line that the program prints says that it is ready.",
        "Use 3 or more, and let the program write to that.";
    S6_SIGNAL "s6-signal" Warning
        "a file of s6 names no signal",
        "s6-supervise ignores it with a warning, and sends its default.",
        "Write one name, as SIGINT, or one number.";
    S6_TALLY "s6-tally" Warning
        "max-death-tally is more than s6 keeps",
        "s6 keeps at most 4096 deaths.",
        "Write 4096 or less.";
}
