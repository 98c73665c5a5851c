# Prints "file line name lines reason" for every function; reason is 1 when /* LONG: ... */ stands above it, else 0.
# Relies on clang-format: a function's braces stand alone in the first column.
FNR == 1 { head = 0; inside = 0; reason = 0 }
inside {
    if ($0 == "}") {
        print FILENAME, head, name, FNR - head + 1, reason
        inside = 0; head = 0; reason = 0
    }
    next
}
/LONG: [^ ]/ { reason = 1; next }
$0 == "{" && head { inside = 1; next }
/^[A-Za-z_]/ && /\(/ {
    head = FNR
    name = $0
    sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
    next
}
/[;}]$/ { head = 0; reason = 0 }
