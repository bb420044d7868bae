//! Rules about what scripts say.

use super::table;

table! { Scripts:
    PROGRAM_MISSING "program-missing" Error (ProgramMissing) ~heuristic
        "a program that a script runs is missing",
        "The shell says not found and exits with 127; the supervisor starts it again, for ever.",
        "Install the program, or correct its name.";
    NO_USER "no-user" Error (NoUser) ~heuristic
        "a user that a script names is missing in the image",
        "chpst, setuidgid and s6-setuidgid end with 111 before the program is started.",
        "Add the user to the image's etc/passwd, or correct its name.";
    NO_GROUP "no-group" Error (NoGroup) ~heuristic
        "a group that a script names is missing in the image",
        "chpst ends with 111 before the program is started.",
        "Add the group to the image's etc/group, or correct its name.";
    NO_DIRECTORY "no-directory" Error (NoDirectory) ~heuristic
        "a directory that a script changes to is missing in the image",
        "cd fails; the script ends, or goes on in the wrong directory.",
        "Make the directory in the image, or in the script before cd.";
    BACKGROUNDS "backgrounds" Warning (Backgrounds) ~heuristic
        "the program is put in the background",
        "run ends at once, so the supervisor starts it again each second while what it has started goes on: copies pile up, and none of them is supervised.",
        "Remove the &, and let exec begin the last line.";
    STARTS_ELSEWHERE "starts-elsewhere" Warning ~heuristic
        "run asks something else to start the service",
        "The process is a child of somebody else. run ends at once, and the supervisor runs it again and again.",
        "exec the program itself, in the foreground.";
    DAEMONIZES "daemonizes" Warning ~heuristic
        "the program puts itself in the background",
        "It forks and its first process ends, which the supervisor takes for the end of the service: it starts another one, which finds the address or the pid file taken.",
        "Give it the option that keeps it in the foreground.";
    NO_EXEC "no-exec" Warning ~heuristic
        "the program is not started by exec",
        "The supervisor's process is the shell. A TERM ends the shell and not the program, which goes on without a supervisor and beside its successor.",
        "Begin the last line with exec.";
    EXEC_IN_PIPE "exec-in-pipe" Warning ~heuristic
        "exec stands in a pipeline",
        "Each part of a pipeline is a process of its own, so exec replaces that one and not the shell that is supervised. A signal ends the shell, and the program goes on.",
        "Let the supervisor connect a logger (log/run), and exec the program without a pipe.";
    AFTER_EXEC "after-exec" Warning ~heuristic
        "nothing behind exec is ever reached",
        "exec replaces the shell by the program. Lines behind it run only if the program cannot be started.",
        "Move the lines before exec, or to finish.";
    STDERR_NOT_LOGGED "stderr-not-logged" Warning ~heuristic
        "standard error does not go to the logger",
        "A logger reads standard output. What the program writes to standard error goes to the scanner's, so that the log lacks the errors.",
        "Write exec 2>&1 before the program is started.";
    RESTARTS_ITSELF "restarts-itself" Warning ~heuristic
        "a loop in run starts the program again",
        "The supervisor sees a shell that never ends: it says up while the program fails, and its counts, delays and finish never apply.",
        "Remove the loop and exec the program: to start it again is the supervisor's work.";
    IGNORES_TERM "ignores-term" Warning ~heuristic
        "the program inherits that TERM is ignored",
        "What a shell ignores stays ignored behind exec. The supervisor's TERM has no effect, and only KILL ends the service.",
        "Remove the trap, or trap - TERM before exec.";
    TOOL_OPTION "tool-option" Error ~heuristic
        "an option that the program has not",
        "It prints its usage and exits with 100, so the service is never started.",
        "Correct the option.";
    TOOL_NUMBER "tool-number" Error ~heuristic
        "an option takes a number",
        "chpst prints its usage and exits with 100, so the service is never started.",
        "Write a number without a unit.";
    CHPST_COLON "chpst-colon" Error ~heuristic
        "chpst -u with a colon before a name",
        "With a leading colon chpst takes numbers alone, and exits with 100 for a name.",
        "Leave out the first colon, or write numbers.";
    ACCOUNT_FORM "account-form" Error ~heuristic
        "an account is written in a form that the program does not take",
        "setuidgid takes the name of one account; s6-setuidgid takes a name, or two numbers with a colon. Anything else is an unknown account, and the service is never started.",
        "Name the account alone; chpst -u user:group takes groups.";
    ENVDIR_MISSING "envdir-missing" Error ~heuristic
        "the directory of environment variables is missing",
        "envdir and chpst -e end with 111 before the program is started.",
        "Make the directory, with one file for each variable.";
    ENVDIR_SUBDIRECTORY "envdir-subdirectory" Error ~heuristic
        "a directory of environment variables has a directory in it",
        "envdir and s6-envdir cannot read it as a file, and end with 111 before the program is started.",
        "Move the directory elsewhere.";
    ENVDIR_NAME "envdir-name" Warning ~heuristic
        "a file of an environment directory has = in its name",
        "chpst and envdir set another variable than the file's name says; s6-envdir leaves it out.",
        "Name the file like the variable.";
    CD_BEFORE_ENVDIR "cd-before-envdir" Error ~heuristic
        "cd comes before a relative directory of variables",
        "The directory is looked for below the new one, where it is not, and the service is never started.",
        "Write its whole path, or cd in a script that is run behind it.";
    FINISH_REFUSES "finish-refuses" Warning ~heuristic
        "finish always exits with 125",
        "That asks s6 not to start the service again, so it stays down after its first end, whatever it was.",
        "Exit with 125 only for the ends that are final.";
    FINISH_TOO_LONG "finish-too-long" Warning ~heuristic
        "finish takes longer than s6 allows",
        "s6 kills finish after timeout-finish milliseconds (5000 where there is no such file), so that what follows in it is not done.",
        "Write the time in milliseconds to timeout-finish (0: no limit), or sleep less.";
    EXECLINE_SYNTAX "execline-syntax" Error
        "execlineb cannot parse the script",
        "It exits with 100, so the script never runs.",
        "Close each block with } and each quote.";
    EXECLINE_SHELL "execline-shell" Warning ~heuristic
        "an execline script has a word of the shell",
        "execline has no operators: the word is passed to the program as an argument.",
        "Use execline's programs: if, foreground, pipeline, redirfd, fdmove.";
    EXECLINE_VARIABLE "execline-variable" Warning ~heuristic
        "an execline script uses a variable that nothing in it imports",
        "execline has no variables: without importas, define or the like, the dollar and the name are passed on as they are.",
        "importas -i NAME NAME";
}
