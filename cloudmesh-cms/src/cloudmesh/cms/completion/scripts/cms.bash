# Completion of cms in bash 4.4 and later; from: cms completion bash
# The words of commands are in a table that cms writes, the names of machines in a file that it keeps; both are
# read by awk. Python is started only if the table is older than what it was made from.
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || return 0

# Sets table and matcher; false if the table is to be made again. $1: the folder of the program.
_cloudmesh_table() {
    local line path head="#cloudmesh-completion 1"$'\t'"$1"$'\t'"${CLOUDMESH_CONFIG-}"$'\t' fresh=0
    local -a lines
    [[ -r $table ]] && mapfile -t -n 500 lines < "$table" || return 1
    [[ ${lines[0]-} == "$head"* ]] || return 1
    matcher=${lines[0]#"$head"}
    for line in "${lines[@]:1}"; do
        [[ $line == watch$'\t'* ]] || break
        path=${line#*$'\t'}
        [[ $path -nt $table ]] && fresh=1
    done
    return $fresh
}

# Sets words, word (what is typed of the last), raw (the same with its quotes) and quote. $1: the line.
_cloudmesh_split() {
    local line=$1 char i open=""
    word="" raw="" quote=bare
    if [[ $line != *[\"\'\\]* ]]; then
        words=($line)
        [[ $line == *[[:space:]] || ${#words[@]} -eq 0 ]] && return
        word=${words[-1]} raw=${words[-1]}
        unset 'words[-1]'
        return
    fi
    for ((i = 0; i < ${#line}; i++)); do
        char=${line:i:1}
        if [[ $open == \' ]]; then
            [[ $char == \' ]] && open="" || word+=$char
        elif [[ $open == \" && $char == \" ]]; then
            open=""
        elif [[ $char == \\ ]]; then
            if [[ $open == \" && ${line:i+1:1} != [\"\\\$\`] ]]; then
                word+=$char
            else
                raw+=$char
                ((++i))
                char=${line:i:1}
                word+=$char
            fi
        elif [[ -z $open && ( $char == \' || $char == \" ) ]]; then
            open=$char
        elif [[ -z $open && $char == [[:space:]] ]]; then
            [[ -n $raw ]] && words+=("$word")
            word="" raw=""
            continue
        else
            word+=$char
        fi
        raw+=$char
    done
    [[ $open == \' ]] && quote=single
    [[ $open == \" ]] && quote=double
    return 0
}

_cloudmesh_complete() {
    local line=${COMP_LINE:0:COMP_POINT} LC_ALL=C IFS=$' \t\n'
    local word raw quote program table matcher="" before typed part
    local -a words=()
    _cloudmesh_split "$line"
    while [[ ${words[0]-} == [A-Za-z_]*=* ]]; do words=("${words[@]:1}"); done
    if [[ ${#words[@]} -gt 0 && ${words[-1]} =~ ^[0-9]*(\&?\>{1,2}\|?|\<)$ ]]; then
        compopt -o default
        return
    fi
    program=${words[0]-$1}
    if [[ $program == */* ]]; then
        [[ $program == "~/"* ]] && program=$HOME/${program#"~/"}
        [[ $program == /* ]] || program=$PWD/${program#./}
    else
        hash -- "$program" && program=${BASH_CMDS[$program]-}
    fi
    [[ -x $program ]] || return
    table=${CLOUDMESH_CONFIG_DIR:-$HOME/.cloudmesh}
    [[ $table == "~/"* ]] && table=$HOME/${table#"~/"}
    table+=/completion-table
    if ! _cloudmesh_table "${program%/*}" && ((${EPOCHSECONDS:-0} >= ${_cloudmesh_wait:-0})); then
        CMS_FOLDER=${program%/*} "$program" completion refresh --quick < /dev/null > /dev/null
        # What cannot be written, or is from the future, is not tried at each key.
        _cloudmesh_table "${program%/*}" && _cloudmesh_wait=0 || _cloudmesh_wait=$((${EPOCHSECONDS:-0} + 60))
    fi
    [[ -n $matcher ]] || return

    # What readline takes for the word begins after the last : or = that is not between quotes.
    typed=${2-}
    before=${raw%"$typed"}
    if [[ $before == "$raw" && -n $typed ]]; then
        before=""
    fi
    local -a full=("${words[@]}")
    local open=$quote whole=$word cut
    _cloudmesh_split "$before"
    cut=$word words=("${full[@]}") quote=$open word=$whole
    local names=${table%-table}-names variables=${table%/*}/variables.dat found
    [[ -r $names ]] || names=/dev/null
    [[ -r $variables ]] || variables=/dev/null
    found=$(
        IFS=$'\n'
        export CMS_WORDS="${words[*]//$'\n'/ }" CMS_WORD="$word" CMS_QUOTE="$quote" CMS_SKIP="${#cut}" LC_ALL
        exec awk -f "$matcher" "$variables" "$table" "$names"
    )
    if [[ $found == $'\001'* ]]; then
        compopt -o filenames
        part=$word
        [[ $word == -*=* ]] && part=${word#*=}
        [[ $found == $'\001'folder* ]] && before=-d || before=-f
        mapfile -t COMPREPLY < <(compgen $before -- "$part")
        [[ -n $cut || $part == "$word" ]] || COMPREPLY=("${COMPREPLY[@]/#/${word%"$part"}}")
        return
    fi
    IFS=$'\n'
    COMPREPLY=($found)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

# No setting of the user's shell is in the way, and nothing is ever printed.
_cloudmesh() {
    local -
    set +eux -f
    COMPREPLY=()
    _cloudmesh_complete "$@" || :
} 2> /dev/null

complete -o nosort -F _cloudmesh cms cloudmesh
