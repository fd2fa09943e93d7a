# Follows a page literally: its blocks between the comments `tutorial` and `end of the
# tutorial` become a script, which runs in one shell. Sourced by .ci/tutorial and
# .ci/messages.
#
#   ```sh                         is run
#   ```LANGUAGE PATH              is the whole of a file
#   ```LANGUAGE PATH below TEXT   belongs in a file, below the first line with TEXT in it
#   ```LANGUAGE PATH above TEXT   above it
#   ```text                       is what the last command prints
#
# Readers see the blocks alone: the sentence before each says the same.

# follow PAGE FOLDER: does what the page says in a folder, to which its paths belong.
follow() (
    page=$1 begin=$SECONDS
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT # of this subshell
    blocks "$page" "$scratch" >"$scratch/script"
    grep -q "outrigger" "$scratch/script" || { echo "$page has no tutorial"; exit 1; }
    export -f place
    (cd "$2" && root=$2 scratch=$scratch bash -euo pipefail "$scratch/script") || exit 1
    diff "$scratch/expected" "$scratch/printed" ||
        { echo "$page: another output than promised"; exit 1; }
    cat "$scratch/printed"
    echo "$page: done in $((SECONDS - begin)) s"
)

# blocks PAGE SCRATCH: prints the script; writes SCRATCH/expected.
blocks() {
    awk -v expected="$2/expected" '
        /^<!-- tutorial:/           { inside = 1; next }
        /^<!-- end of the tutorial/ { inside = 0 }
        !inside                     { next }
        /^```sh$/                   { kind = "sh"; print "{"; next }
        /^```text$/                 { kind = "text"; next }
        /^```[a-z]+ [^ ]+$/         { kind = "file"; file($2, "as", ""); next }
        /^```[a-z]+ [^ ]+ (below|above) ./ {
            text = $0
            sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", text)
            kind = "file"; file($2, $3, text); next
        }
        /^```$/ && kind == "sh"     { print "} >\"$scratch/printed\""; kind = ""; next }
        /^```$/ && kind == "file"   { print "END OF FILE"; kind = ""; next }
        /^```$/                     { kind = ""; next }
        kind == "text"              { print >expected; next }
        kind != ""                  { print }
        function file(path, where, text) {
            gsub(/'\''/, "'\''\\'\'''\''", text)
            print "place \"$root/" path "\" " where " '\''" text "'\'' <<\"END OF FILE\""
        }
    ' "$1"
}

# place PATH as|below|above TEXT: puts what it reads into a file.
place() {
    local path=$1 where=$2
    if [ "$where" = as ]; then
        mkdir -p "$(dirname "$path")"
        cat >"$path"
        return
    fi
    cat >"$scratch/block"
    text=$3 awk -v where="$where" -v block="$scratch/block" '
        !done && index($0, ENVIRON["text"]) {
            done = 1
            if (where == "below") print
            while ((getline line <block) > 0) print line
            if (where == "below") next
        }
        { print }
        END { exit !done }
    ' "$path" >"$scratch/placed" || { echo "$path: no line with: $3"; return 1; }
    cat "$scratch/placed" >"$path"
}
