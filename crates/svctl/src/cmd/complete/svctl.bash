# svctl completion for bash: put it into a file that bash-completion reads,
# or: source <(svctl completions bash)
_svctl() {
    local IFS=$'\n' line
    COMPREPLY=()
    while read -r line; do
        line=${line%%$'\t'*}
        COMPREPLY+=("$(printf '%q' "$line")")
    done < <(svctl __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    case ${COMPREPLY[0]-} in *=) compopt -o nospace ;; esac
}
complete -o default -F _svctl svctl
