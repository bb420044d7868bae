//! Rules about files that a supervisor executes.

use super::table;

table! { Files:
    FILE_MISSING "file-missing" Error (FileMissing)
        "a service directory has no run",
        "The supervisor tries to start it, fails, and tries again for ever.",
        "Write run, or take the directory out of the scan directory.";
    NOT_EXECUTABLE "file-not-executable" Error (FileNotExecutable)
        "a script is not executable",
        "The system refuses to execute it (permission denied). A run that is not executable never starts; finish, check and control scripts are passed over without a word.",
        "chmod +x FILE";
    EMPTY "file-empty" Error (FileEmpty)
        "a script is empty",
        "The system cannot execute a file without a byte (exec format error), and no supervisor tries a shell instead.",
        "Write the script, beginning with #!.";
    LINE_ENDS "line-ends" Error (LineEnds)
        "a script has the line ends of DOS",
        "The carriage return is a part of the interpreter's name, or of the last word of a line, so that the system says that the file does not exist although it is there.",
        "Remove the carriage returns.";
    BYTE_ORDER_MARK "byte-order-mark" Error (ByteOrderMark)
        "a script begins with a byte order mark",
        "Then #! are not its first two bytes, and the system cannot execute it (exec format error).",
        "Remove the first three bytes.";
    NO_INTERPRETER_LINE "no-interpreter-line" Error (NoInterpreterLine)
        "a script does not begin with #!",
        "A shell runs such a file when it is typed there; a supervisor does not: the system says exec format error.",
        "Begin the file with the interpreter, as in #!/bin/sh.";
    INTERPRETER_LATE "interpreter-line-late" Error (NoInterpreterLine)
        "#! is not the first line",
        "Only the first two bytes of a file count. A comment or an empty line before them makes it a file that cannot be executed (exec format error).",
        "Move the line with #! to the top.";
    NO_INTERPRETER "no-interpreter" Error (NoInterpreter)
        "the interpreter is missing",
        "The system says that the script does not exist, although it is there: what is missing is the interpreter.",
        "Name one that is there, or install it.";
    INTERPRETER_RELATIVE "interpreter-relative" Warning
        "the interpreter has no absolute path",
        "The system does not search PATH for an interpreter. It looks in the directory that the supervisor works in, which is the service directory.",
        "Write the whole path, as in #!/bin/sh, or #!/usr/bin/env NAME.";
    ENV_ONE_WORD "env-one-word" Error (NoInterpreter)
        "env is given several words as one",
        "All that follows the interpreter in the first line is one argument. env looks for a program of that name, blanks and options included, and exits with 127.",
        "Name the interpreter itself, or set options in the script (set -e).";
    WRONG_TYPE "wrong-type" Error (WrongType)
        "a file is not what it has to be",
        "A run that is a directory or a FIFO cannot be executed; a supervise that is a file keeps the supervisor from starting.",
        "Remove it, and make what belongs there.";
    WRONG_MACHINE "wrong-machine" Error (WrongMachine)
        "a program is for another machine",
        "The system says exec format error.",
        "Build or install the program for this machine.";
    WRITABLE "writable-by-others" Warning
        "others may change a script that the supervisor executes",
        "Whoever may write it decides what the supervisor, which is often root, executes at the next start.",
        "chmod go-w FILE";
}
