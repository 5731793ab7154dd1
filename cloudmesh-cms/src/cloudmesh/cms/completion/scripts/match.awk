# The candidates for the word that is being typed, as cloudmesh.cms.completion.engine finds them.
# awk reads the shell's variables, the table, and the names; table.py and names_file.py describe their lines.
# CMS_WORDS   the words before, one a line, the program first
# CMS_WORD    what is typed of the word, without quotes
# CMS_QUOTE   how candidates are written: "bare", "single" or "double" for bash, within the quotes that are
#             open, else "told": as they are, with a tab and a description
# CMS_SKIP    how many characters of each candidate are already there for the shell
function begins(text, start) { return substr(text, 1, length(start)) == start }
function escaped(text) {
    if (quote == "bare") gsub(/[]["' \\$&|;()<>*?{}!#~^`]/, "\\\\&", text)
    if (quote == "single") gsub(/'/, "'\\''", text)
    if (quote == "double") gsub(/["\\$`]/, "\\\\&", text)
    return text
}
function offer(text, about) {
    if (text in offered || (quote == "double" && index(text, "!"))) return
    offered[text] = 1
    texts[++count] = text
    abouts[count] = about
}
function kind_of(name) {
    return ((command " " positional[1], name) in kind) ? kind[command " " positional[1], name] : kind[command, name]
}
function within(list, item) { return index(" " list " ", " " item " ") || index(" " list " ", " " item "+ ") }

# Reads the words before: the command, its positional words, and its options.
function scan(   i, word, name, at, own, short) {
    if (scanned++) return
    for (i = 2; i <= given_words; i++) {
        word = words[i]
        if (options_end || word !~ /^-./) {
            if (has_command) positional[++positionals] = word
            else {
                has_command = 1; command = word
                for (name in given) delete given[name]
            }
            continue
        }
        if (word == "--") { options_end = 1; continue }
        at = index(word, "=")
        name = at ? substr(word, 1, at - 1) : word
        if ((command, name) in full) name = full[command, name]
        given[name] = 1
        own = substr(word, at + 1)
        if (!at && kind_of(name) ~ /^[^[]/) {
            if (i == given_words) waiting = name
            own = words[++i]
        }
        if (name == "--cloud") clouds_given = clouds_given (clouds_given == "" ? "" : ",") own
    }
    # The help of a command takes its sub-commands, and nothing else that stands there.
    if (command == "help" && positionals) {
        only_words = 1
        command = positional[1]
        for (i = 1; i < positionals; i++) positional[i] = positional[i + 1]
        delete positional[positionals--]
    }
}
# Notes what the row in the fields expects after the words, if it begins with them.
function follow(   name, tokens, token, at, i, taken) {
    for (name in given) if (!within($4, name)) return
    tokens = split($3, token, " ")
    at = 1
    for (i = 1; i <= positionals; i++) {
        if (taken && at < tokens && token[at + 1] == positional[i]) { at += 2; taken = 0; continue }
        if (at > tokens || (token[at] !~ /^</ && token[at] != positional[i])) return
        taken = token[at] ~ />\+$/
        if (!taken) at++
    }
    if ($5 != "" && (positionals || waiting != "")) careful = 1
    allowed = allowed " " $4
    for (i = at; i <= at + taken && i <= tokens; i++) {
        if (token[i] in expected) continue
        expected[token[i]] = 1
        next_token[++next_tokens] = token[i]
    }
}
# What the names in the second file are wanted for; offers all else.
function decide(   i, token, name, at) {
    is_option = typed ~ /^-/ && !options_end
    at = index(typed, "=")
    if (waiting != "") want(kind_of(waiting), "", typed)
    else if (is_option && at && !only_words) {
        name = substr(typed, 1, at - 1)
        if (within(allowed, name)) want(kind_of(name), name "=", substr(typed, at + 1))
    } else if (is_option) { if (!only_words) options() }
    else if (!has_command) {
        for (i = 1; i <= commands; i++) if (begins(command_name[i], typed)) offer(command_name[i], command_about[i])
    } else {
        token = command
        for (i = 1; i <= positionals; i++) token = token " " positional[i]
        for (i = 1; i <= next_tokens; i++)
            if (next_token[i] !~ /^</ && begins(next_token[i], typed))
                offer(next_token[i], verb[token " " next_token[i]])
        for (i = 1; i <= next_tokens && !only_words; i++)
            if (match(next_token[i], /^<.*>/)) want(substr(next_token[i], 2, RLENGTH - 2), "", typed)
        maybe_options = typed == "" && !only_words
    }
}
function options(   i, name, text) {
    for (i = 1; i <= known; i++) {
        if (known_of[i] != command) continue
        name = known_name[i]
        if (!within(allowed, name) || (name in given && !index(" " allowed " ", " " name "+ "))) continue
        if (kind_of(name) ~ /^[[]/ && begins(name, typed)) offer(name, known_about[i])
        text = name (kind_of(name) != "" && name ~ /^--/ ? "=" : "")
        if (begins(text, typed)) offer(text, known_about[i])
    }
}
# Offers the values of a kind after "before", or leaves it to the names: item is what is typed of one.
function want(what, before, text,   i, n, choice, item, at, list) {
    item = text
    sub(/^[[]/, "", what)
    if (what ~ /,$/) {
        sub(/,$/, "", what)
        at = last_comma(text)
        list = substr(text, 1, at)
        item = substr(text, at + 1)
        n = split(list, choice, ",")
        for (i = 1; i <= n; i++) taken_word[choice[i]] = 1
    }
    for (i = 1; i <= positionals; i++) {
        n = split(positional[i], choice, ",")
        while (n) taken_word[choice[n--]] = 1
    }
    before = before list
    if (index(what, "|")) {
        n = split(what, choice, "|")
        for (i = 1; i <= n; i++) if (choice[i] != "") value(choice[i], "", before, item, list)
    } else if (what == "file" || what == "folder") { print "\001" what; files = 1 }
    else if (what == "command")
        for (i = 1; i <= commands; i++) value(command_name[i], command_about[i], before, item, list)
    else if (what == "cloud") for (i = 1; i <= clouds; i++)
        value(cloud_name[i], is_usual[cloud_name[i]] ? "default" : "", before, item, list)
    else if (what ~ /^setting/)
        for (i = 1; i <= settings; i++) value(setting[i] substr(what, 8), "", before, item, list)
    else { wanted[what] = 1; wanted_before[what] = before; wanted_item[what] = item; wanted_list[what] = list }
}
function value(text, about, before, item, list) {
    if (begins(text, item) && !(text in taken_word) && !(list != "" && begins(text, "=")))
        offer(before text, about)
}
# Where the last comma stands that is outside of brackets.
function last_comma(text,   i, at, inside, one) {
    for (i = 1; i <= length(text); i++) {
        one = substr(text, i, 1)
        if (one == "[") inside = 1
        else if (one == "]") inside = 0
        else if (one == "," && !inside) at = i
    }
    return at + 0
}
# Whether things on a cloud are meant without its name.
function here(cloud,   clouds) {
    clouds = clouds_given != "" ? clouds_given : clouds_kept
    if (clouds != "" && cloud != "") return clouds ~ /[*?[]/ || index("," clouds ",", "," cloud ",")
    return cloud == "" || !usual_clouds || is_usual[cloud]
}

BEGIN {
    FS = "\t"
    given_words = split(ENVIRON["CMS_WORDS"], words, "\n")
    typed = ENVIRON["CMS_WORD"]
    quote = ENVIRON["CMS_QUOTE"]
    skip = ENVIRON["CMS_SKIP"] + 0
}
ended {
    if ($1 in wanted && ($2 == "" || $2 in is_usual)) {
        item = wanted_item[$1]
        if (!(($1, $2) in is_here)) is_here[$1, $2] = here($2)
        if (is_here[$1, $2] || $2 == "")
            value($3, $4 == "" ? $2 : $4, wanted_before[$1], item, wanted_list[$1])
        if ($1 == "machine" && (begins(item, $2 ":") || (!is_here[$1, $2] && clouds_given == "")))
            value($2 ":" $3, $2, wanted_before[$1], item, wanted_list[$1])
    }
    next
}
/^cloud: / { clouds_kept = substr($0, 8); gsub(/["' ]/, "", clouds_kept) }
$1 == "command" { command_name[++commands] = $2; command_about[commands] = $3 }
$1 == "verb" { verb[$2] = $3 }
$1 == "option" {
    kind[$2, $3] = $4
    known_of[++known] = $2; known_name[known] = $3; known_about[known] = $5
    if ($6 != "") full[$2, $6] = $3
}
$1 == "row" { scan(); if ($2 == command) follow() }
$1 == "cloud" { cloud_name[++clouds] = $2; is_usual[$2] = $3; if ($3) usual_clouds = 1 }
$1 == "setting" { setting[++settings] = $2 }
$1 == "end" {
    scan()
    ended = 1
    decide()
}
END {
    if (files) exit
    if (maybe_options && !count) options()
    if (count == 1 && careful && typed ~ /^-?-?$/) exit
    for (i = 1; i <= count; i++) {
        text = escaped(substr(texts[i], skip + 1))
        if (quote == "told") text = text "\t" abouts[i]
        print text
    }
}
