//! Rules about unit files.

use super::table;

table! { Units:
    LINE "unit-line" Warning
        "a line is neither a section, an assignment nor a comment",
        "systemd passes over it.",
        "Write Key=value, or begin a comment with #.";
    SECTION "unit-section" Warning
        "systemd does not know this section",
        "All that stands in it is passed over. What begins with X- is left to others.",
        "Correct its name.";
    KEY "unit-key" Warning
        "systemd does not know this key",
        "The line is passed over: what it was to set has its default.",
        "Correct its name.";
    WRONG_SECTION "unit-wrong-section" Warning
        "a key stands in a section that has no such key",
        "The line is passed over: what it was to set has its default.",
        "Move it to its section.";
    NO_EXEC "unit-no-exec" Error
        "a service has no ExecStart=",
        "systemd refuses the unit (bad-setting), unless it has ExecStop= and RemainAfterExit=yes, or SuccessAction=.",
        "Add ExecStart=.";
    RELATIVE "unit-relative" Error
        "a command has a relative path with a slash",
        "systemd takes an absolute path, or a name alone that it looks for in its own path; it passes over this line.",
        "Write the whole path.";
    SEVERAL "unit-several" Error
        "a service has more than one ExecStart=",
        "Only Type=oneshot may have several; systemd refuses the unit (bad-setting).",
        "Use ExecStartPre=, or an empty ExecStart= before the one that is to hold in a drop-in.";
    ONESHOT_RESTART "unit-oneshot-restart" Error
        "a oneshot that is always restarted",
        "systemd refuses Restart=always and on-success for Type=oneshot (bad-setting).",
        "Remove Restart=, or make it Type=exec.";
    NO_BUS_NAME "unit-no-bus-name" Error
        "Type=dbus without a name",
        "systemd refuses the unit (bad-setting): it does not know for which name to wait.",
        "Add BusName=, or make it Type=exec.";
    VALUE "unit-value" Warning
        "a value that this key does not take",
        "The line is passed over: what it was to set has its default.",
        "Correct the value.";
    SPECIFIER "unit-specifier" Error
        "an unknown specifier",
        "A % begins a specifier. systemd passes over a line with one that it does not know.",
        "Write %% for one %.";
    QUOTE "unit-quote" Error
        "a quote that does not end",
        "systemd passes over the line.",
        "Close the quote.";
    PROGRAM_VARIABLE "unit-program-variable" Error
        "the program of a command is a variable",
        "systemd puts variables into arguments alone: it looks for a program whose name begins with a dollar sign.",
        "Write the path of the program, or /bin/sh -c 'exec …'.";
    COMMENT "unit-comment" Warning ~heuristic
        "a comment behind a value",
        "systemd takes all of a line for the value: a comment has a line of its own.",
        "Move the comment to a line of its own.";
    NO_EXPANSION "unit-no-expansion" Warning ~heuristic
        "a variable in Environment=",
        "systemd puts nothing in there: the process sees the dollar sign and the name.",
        "Write the value, or put it together in a command of /bin/sh -c.";
    NO_INSTANCE "unit-no-instance" Warning
        "%i in a unit that is no template",
        "Only the units of a template (NAME@.service) have an instance; %i is nothing elsewhere.",
        "Rename the file to NAME@.service, or write the value.";
    OBSOLETE "unit-obsolete" Warning
        "what systemd will not take much longer",
        "It still reads it, and says in its log that it should be written in another way.",
        "Write what took its place.";
    SHELL "unit-shell" Warning ~heuristic
        "a command has a word of the shell",
        "systemd starts the program without a shell: the word is an argument of the program.",
        "Use systemd's keys (StandardOutput=, ExecStartPre=), or /bin/sh -c '…'.";
}
