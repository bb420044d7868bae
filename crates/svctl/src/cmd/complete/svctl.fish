# svctl completion for fish: put it into ~/.config/fish/completions/svctl.fish,
# or: svctl completions fish | source
function __svctl_complete
    set -l before (commandline -opc)
    set -l typed (commandline -ct | string collect)
    # A quote that is still open is no part of the word.
    set -l plain (string unescape -- $typed | string collect; or string trim -l -c "'\"" -- $typed | string collect)
    svctl __complete -- fish $before[2..-1] "$plain" 2>/dev/null
end
function __svctl_files
    set -l found (__svctl_complete | string split0)
    test (count $found) -eq 0; and __fish_complete_path (commandline -ct)
end
complete -c svctl -f -a '(__svctl_complete | string split0) (__svctl_files)'
