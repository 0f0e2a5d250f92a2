# Turns the plain comments of a header into those that Doxygen reads, on their way to it:
#
#   a block at the top of the file            describes the file
#   a block right above a declaration         describes that
#   a comment behind a declaration, in line   describes that; and so do lines below it that begin in the same column
#   // ---- words                             a heading over the declarations up to the next
#
# Comments within functions stay what they are. Indented by two more than a space, a line is code.

# Without what Doxygen or Markdown would take for a command. They leave alone what stands in quotes.
function text(s, all, plain) {
    while (s != "") {
        plain = match(s, /`[^`]*`|"[^"]*"/) ? substr(s, 1, RSTART - 1) : s
        gsub(/[\\@<>&#%*|~\[\]]/, "\\\\&", plain)
        all = all plain (RSTART ? substr(s, RSTART, RLENGTH) : "")
        s = RSTART ? substr(s, RSTART + RLENGTH) : ""
    }
    return all
}
# Prints the comment lines held so far, as documentation where `is` says so.
function flush(is, i, code, line) {
    if (is && held && after_behind) print ""  # else Doxygen would go on with the comment above
    for (i = 1; i <= held; ++i) {
        line = block[i]
        if (!is) { print line; continue }
        sub(/^ *\/\/ ?/, "", line)
        code = line ~ /^   *[^ ]/ && (i == 1 || code || block[i - 1] ~ /^ *\/\/$/)
        print "/// " (code ? "    " line : text(line))
    }
    held = 0
}
function close_heading() { if (heading) print "/// @}"; heading = 0 }

# Whether the line stands among declarations and not in a function: kinds[depth].
BEGIN { kinds[0] = "declarations"; file = 1 }
function count_braces(line, kind, net) {
    gsub(/"([^"\\]|\\.)*"|'[^']+'|\/\/.*/, "", line)
    kind = line
    gsub(/template <.*>|alignas\([^)]*\)/, "", kind)
    kind = kind ~ /(^|[ ])(namespace|class|struct|enum|union)([ ]|$)/ && kind !~ /\(/ ? "declarations" : "function"
    net = gsub(/{/, "", line) - gsub(/}/, "", line)
    for (; net > 0; --net) kinds[++depth] = kind
    for (; net < 0 && depth > 0; ++net) --depth
}

# How {fmt} prints our types is not for these pages, and Doxygen does not know the primary template.
/^template <>$/ { next }
/^struct fmt::/ { formatter = 1 }
formatter { if (/^};/) formatter = 0; next }

file && /^\/\// { block[++held] = $0; next }
file { file = 0; if (held) { print "/// @file"; flush(1) } else print "/// @file" }

/^ *\/\/ ---- / && kinds[depth] == "declarations" {
    flush(0)
    close_heading()
    sub(/^ *\/\/ ---- /, "")
    print "/// @name " text($0) "\n/// @{\n"
    heading = depth + 1
    behind = 0
    next
}
behind && match($0, /^ *\/\//) && RLENGTH - 2 == behind { sub(/^ *\/\/ ?/, ""); print "///< " text($0); next }
{ behind = 0 }
/^ *\/\// && kinds[depth] == "declarations" { block[++held] = $0; next }
{
    flush($0 != "" && $0 !~ /^(#|}|using namespace)/)
    count_braces($0)
    if (heading > depth + 1 || ($0 ~ /^ *(public|protected|private):/ && heading == depth + 1)) close_heading()
    if (kinds[depth] == "declarations" && $0 !~ /^#/ && match($0, /[;,)}] +\/\/ /)) {
        after_behind = behind = RSTART + RLENGTH - 4
        print substr($0, 1, behind) "///< " text(substr($0, RSTART + RLENGTH))
        next
    }
    after_behind = 0
    print
}
