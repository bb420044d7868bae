# svctl completion for fish: put it into ~/.config/fish/completions/svctl.fish,
# or: svctl completions fish | source
function __svctl_complete
    set -l typed (commandline -opc) (commandline -ct)
    set -l found (svctl __complete -- $typed[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c svctl -f -a '(__svctl_complete)'
