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
        "systemd refuses the unit (bad-setting), unless it is a oneshot with ExecStop=.",
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
    SHELL "unit-shell" Warning ~heuristic
        "a command has a word of the shell",
        "systemd starts the program without a shell: the word is an argument of the program.",
        "Use systemd's keys (StandardOutput=, ExecStartPre=), or /bin/sh -c '…'.";
}
