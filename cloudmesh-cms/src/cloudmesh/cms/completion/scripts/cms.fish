# Completion of cms in fish; from: cms completion fish
# The words of commands are in a table that cms writes, the names of machines in a file that it keeps; both are
# read by awk. Python is started only if the table is older than what it was made from.

# Prints the awk program; false if the table is to be made again. $argv: the table, the folder of the program.
function __cloudmesh_table
    test -r $argv[1]; or return 1
    set -l config ''
    set -q CLOUDMESH_CONFIG; and set config $CLOUDMESH_CONFIG
    set -l head (string join \t '#cloudmesh-completion 1' $argv[2] "$config")\t
    set -l lines (head -n 500 $argv[1])
    string match -q -- "$head*" (string replace -ra '[*?]' '' -- $lines[1] | string collect); or return 1
    string sub -s (math (string length -- $head) + 1) -- $lines[1]
    set -l watched (string replace -fr '^watch\t' '' -- $lines)
    not find $watched -prune -newer $argv[1] 2>/dev/null | string match -q '*'
end

function __cloudmesh_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    if string match -q '*/*' -- $program
        string match -q '/*' -- $program; or set program $PWD/(string replace -r '^\./' '' -- $program)
    else
        set program (command -s $program); or return
    end
    test -x $program; or return
    set -l folder $HOME/.cloudmesh
    test -n "$CLOUDMESH_CONFIG_DIR"; and set folder (string replace -r '^~/' "$HOME/" -- $CLOUDMESH_CONFIG_DIR)
    set -l table $folder/completion-table
    set -l bin (string replace -r '/[^/]*$' '' -- $program)
    set -l matcher (__cloudmesh_table $table $bin)
    set -l fresh $status
    set -l now (date +%s)
    if test $fresh -ne 0; and begin; not set -q __cloudmesh_wait; or test $now -ge $__cloudmesh_wait; end
        env CMS_FOLDER=$bin $program completion refresh --quick </dev/null >/dev/null 2>/dev/null
        # What cannot be written, or is from the future, is not tried at each key.
        set -g __cloudmesh_wait 0
        set matcher (__cloudmesh_table $table $bin); or set -g __cloudmesh_wait (math $now + 60)
    end
    test -n "$matcher"; or return
    set -l names $folder/completion-names
    test -r $names; or set names /dev/null
    set -l variables $folder/variables.dat
    test -r $variables; or set variables /dev/null
    # Without an open quote, which unescape would refuse.
    set -l bare (string unescape -- $typed; or string replace -r '^[\'"]' '' -- $typed)
    set -l found (env CMS_WORDS=(string replace -a \n ' ' -- $words | string collect) CMS_WORD="$bare" \
        CMS_QUOTE=told CMS_SKIP=0 LC_ALL=C awk -f $matcher $variables $table $names 2>/dev/null)
    if string match -q \x01'*' -- "$found[1]"
        set -l before (string match -r '^-[^=]*=' -- $bare)
        set -l part (string replace -r '^-[^=]*=' '' -- $bare)
        for path in (complete -C "'' $part" | string replace -r '\t.*' '')
            string match -q \x01folder -- $found[1]; and not string match -q '*/' -- $path; and continue
            echo "$before$path"
        end
        return
    end
    printf '%s\n' $found
end

complete -c cms -e
complete -c cms -f -k -a '(__cloudmesh_complete 2>/dev/null)'
complete -c cloudmesh -e
complete -c cloudmesh -f -k -a '(__cloudmesh_complete 2>/dev/null)'
