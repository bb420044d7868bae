#compdef svctl
# svctl completion for zsh: put it as _svctl into a directory of $fpath,
# or: source <(svctl completions zsh)
_svctl() {
    local -a whole shown open
    local word about
    while IFS= read -r -d '' word && IFS= read -r -d '' about; do
        # What goes on behind its end gets no space.
        if [[ $word == *= || $word == systemd: ]]; then
            open+=("$word")
        else
            whole+=("$word")
            shown+=("${(V)word}${about:+  -- $about}")
        fi
    done < <(svctl __complete -- zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if (( ! $#whole && ! $#open )); then
        _files
        return
    fi
    (( $#open )) && compadd -S '' -a open
    (( $#whole )) && compadd -l -d shown -a whole
}
if [[ ${funcstack[1]} == _svctl ]]; then _svctl "$@"; else compdef _svctl svctl; fi
