#compdef cms cloudmesh
# Completion of cms in zsh; from: cms completion zsh
# The words of commands are in a table that cms writes, the names of machines in a file that it keeps; both are
# read by awk. Python is started only if the table is older than what it was made from.

# Sets matcher; false if the table is to be made again. $1: the table, $2: the folder of the program.
_cloudmesh_table() {
    local line head="#cloudmesh-completion 1"$'\t'"$2"$'\t'"${CLOUDMESH_CONFIG-}"$'\t' fresh=0
    local -a lines
    [[ -r $1 ]] || return 1
    lines=("${(@f)$(< $1)}")
    [[ $lines[1] == "$head"* ]] || return 1
    matcher=${lines[1]#"$head"}
    for line in "${(@)lines[2,500]}"; do
        [[ $line == watch$'\t'* ]] || break
        [[ ${line#*$'\t'} -nt $1 ]] && fresh=1
    done
    return $fresh
}

_cloudmesh_complete() {
    local program=${(Q)words[1]} matcher="" table found line text about
    if [[ $program == */* ]]; then
        program=${program/#\~\//$HOME/}
        [[ $program == /* ]] || program=$PWD/${program#./}
    else
        program=${commands[$program]-}
    fi
    [[ -x $program ]] || return 1
    table=${CLOUDMESH_CONFIG_DIR:-$HOME/.cloudmesh}
    table=${table/#\~\//$HOME/}/completion-table
    if ! _cloudmesh_table $table ${program%/*} && (( ${EPOCHSECONDS:-$SECONDS} >= ${_cloudmesh_wait:-0} )); then
        CMS_FOLDER=${program%/*} $program completion refresh --quick < /dev/null > /dev/null
        # What cannot be written, or is from the future, is not tried at each key.
        typeset -g _cloudmesh_wait=0
        _cloudmesh_table $table ${program%/*} || _cloudmesh_wait=$(( ${EPOCHSECONDS:-$SECONDS} + 60 ))
    fi
    [[ -n $matcher ]] || return 1
    local names=${table%-table}-names variables=${table%/*}/variables.dat
    [[ -r $names ]] || names=/dev/null
    [[ -r $variables ]] || variables=/dev/null
    local -a before=("${(@Q)words[1,CURRENT-1]}")
    before=("${(@)before//$'\n'/ }")
    found=$(CMS_WORDS="${(F)before}" CMS_WORD="${(Q)PREFIX}" CMS_QUOTE=told CMS_SKIP=0 LC_ALL=C \
        awk -f $matcher $variables $table $names)
    case $found in
        $'\001'folder*) compset -P '-*='; _files -/; return ;;
        $'\001'*) compset -P '-*='; _files; return ;;
        '') return 1 ;;
    esac
    local -a lines=("${(@f)found}") told=() texts=() continued=()
    if (( $#lines > 500 )); then
        # Nobody reads so many descriptions, which take their time.
        compadd -V texts -- "${(@)lines%%$'\t'*}"
        return
    fi
    for line in "${(@)lines}"; do
        text=${line%$'\t'*} about=${line##*$'\t'}
        if [[ $text == *= ]]; then
            continued+=("${${text//\\/\\\\}//:/\\:}${about:+:$about}")
        elif [[ -n $about ]]; then
            told+=("${${text//\\/\\\\}//:/\\:}:$about")
        else
            texts+=("$text")
        fi
    done
    local result=1
    (( $#told )) && _describe -V 'cms' told && result=0
    (( $#texts )) && compadd -V texts -a texts && result=0
    (( $#continued )) && _describe -V 'options' continued -S '' && result=0
    return $result
}

_cloudmesh() { _cloudmesh_complete "$@" 2> /dev/null }

if [[ ${funcstack[1]-} == _cms ]]; then
    # A file of $fpath, called for the first time: the function above takes over.
    compdef _cloudmesh cms cloudmesh
    _cloudmesh "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _cloudmesh cms cloudmesh
fi
