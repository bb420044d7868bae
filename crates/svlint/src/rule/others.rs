//! Rules about definitions and Procfiles.

use super::table;

table! { Definitions:
    DEFINITION "definition" Error
        "a file of definitions cannot be used",
        "svctl build and svctl dev refuse it.",
        "See svcmgr.toml(5).";
    NOT_EXPANDED "not-expanded" Warning ~heuristic
        "a definition has a reference to a variable, which is not replaced",
        "The program gets the characters as they stand: nothing is replaced without the key expand.",
        "Write expand = true in the service, or above the services.";
    PROCFILE_LINE "procfile-line" Error
        "a line of a Procfile has no name",
        "Programs that run a Procfile leave the line out, or refuse the file.",
        "Write NAME: COMMAND; a name has letters, digits, - and _.";
    PROCFILE_TWICE "procfile-twice" Warning
        "a name stands twice in a Procfile",
        "Only one of the commands is run.",
        "Give each a name of its own.";
    PROCFILE_BACKGROUND "procfile-background" Warning ~heuristic
        "a command of a Procfile puts itself in the background",
        "Its shell ends at once, which ends the whole formation in most programs.",
        "Remove the &.";
    ALLOW_UNKNOWN "allow-unknown" Warning
        "what is allowed is no rule",
        "Nothing is left out by it.",
        "Correct the code: the pages of the rules have them all.";
}
