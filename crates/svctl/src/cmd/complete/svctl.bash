# svctl completion for bash: put it into a file that bash-completion reads,
# or: source <(svctl completions bash)
_svctl() {
    local word
    COMPREPLY=()
    # The line as it stands: its words have lost their quotes' beginnings, and break at colons.
    while IFS= read -r -d '' word; do
        COMPREPLY+=("$word")
    done < <(svctl __complete -- bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    case ${COMPREPLY[0]-} in *= | systemd:) compopt -o nospace ;; esac
}
complete -o default -F _svctl svctl
