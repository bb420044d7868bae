#compdef svctl
# svctl completion for zsh: put it as _svctl into a directory of $fpath,
# or: source <(svctl completions zsh)
_svctl() {
    local -a words_found
    local line
    while IFS= read -r line; do
        words_found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done < <(svctl __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#words_found} )); then
        _describe 'svctl' words_found
    else
        _files
    fi
}
if [[ ${funcstack[1]} == _svctl ]]; then _svctl "$@"; else compdef _svctl svctl; fi
