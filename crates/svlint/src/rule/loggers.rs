//! Rules about loggers.

use super::table;

table! { Loggers:
    SVLOGD_LINE "svlogd-line" Warning
        "svlogd does not know this line of its config",
        "It passes over the line without a word, and the default applies.",
        "Lines begin with s, n, N, t, !, u, U, p, -, +, e, E or #.";
    SVLOGD_NUMBER "svlogd-number" Warning
        "a line of svlogd's config needs a number",
        "What is no number counts as none: the log is never rotated, or nothing is kept.",
        "Write digits; s takes k or m behind them, t takes m or h.";
    SVLOGD_PLACE "svlogd-place" Warning
        "svlogd's config is not in its log directory",
        "svlogd reads the file config of each directory that it writes to, and no other.",
        "Move it into the log directory.";
    SVLOGD_ARGUMENTS "svlogd-arguments" Error ~heuristic
        "svlogd takes rules for directories",
        "Its arguments are directories alone. A rule like s1000000 is one that does not exist, so there is no such log.",
        "Write the rules to the file config in the log directory.";
    SVLOGD_DIRECTORY "svlogd-directory" Error ~heuristic
        "a log directory of svlogd is missing",
        "svlogd does not make it. It ends with 111 where none of its directories can be used, and the service's output is read by nobody.",
        "Make it, or let log/run do so (mkdir -p) before svlogd.";
    MULTILOG_ACTION "multilog-action" Error ~heuristic
        "multilog does not know this action",
        "It passes over the word without a sign. Where it was meant as a directory, nothing is logged.",
        "Actions begin with t, +, -, s, n, !, e, =, . or /. A directory begins with . or /.";
    MULTILOG_NO_DIRECTORY "multilog-no-directory" Error ~heuristic
        "multilog writes nowhere",
        "Without a directory, a status file or e it reads its input and throws it away.",
        "Add a directory, as in ./main.";
    MULTILOG_ORDER "multilog-order" Warning ~heuristic
        "an action of multilog stands behind the last directory",
        "s, n, ! and patterns hold for the directories behind them.",
        "Move it before the directory.";
    MULTILOG_NUMBER "multilog-number" Warning ~heuristic
        "a number of multilog is out of its range",
        "multilog takes sizes of 4096 to 16777215 bytes and at least 2 files, and uses the nearest number that it takes.",
        "Write what you want of that range.";
    MULTILOG_TIMESTAMP "multilog-timestamp" Error ~heuristic
        "t is not multilog's first word",
        "Only as the first word it asks for timestamps; elsewhere it is passed over without a sign, and no line has one.",
        "Move t to the front.";
    MULTILOG_OPTION "multilog-option" Warning ~heuristic
        "an option of another logger is a pattern to multilog",
        "multilog has no options: a word with - in front deselects lines. There are no timestamps by it.",
        "multilog t … for timestamps.";
    S6LOG_DIRECTIVE "s6log-directive" Error ~heuristic
        "s6-log does not know this directive",
        "It exits with 100, and is started again for ever: nothing is logged.",
        "A directory begins with / or a dot. Options such as -b stand before the first directive.";
    S6LOG_NO_DIRECTORY "s6log-no-action" Error ~heuristic
        "s6-log has nothing to do with the lines",
        "Without a directory, 1, 2, = or ! it exits with 100.",
        "Add a directory.";
    S6LOG_ORDER "s6log-order" Warning ~heuristic
        "a directive of s6-log stands behind the last action",
        "n, s, S, l, t, T and patterns hold for the actions behind them.",
        "Move it before the directory.";
    S6LOG_NUMBER "s6log-number" Warning ~heuristic
        "a size of s6-log is out of its range",
        "s6-log takes sizes of 4096 to 268435455 bytes.",
        "Write what you want of that range.";
}
