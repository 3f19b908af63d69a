# Compares two boundaries.csv cell by cell: paste -d ' ' A B | awk -v name=SCAN -v most=PX -f compare_boundaries.awk
# Fails if a cell is empty in only one of them, or if numbers differ by more than `most` pixels.

function fail(text) { print name ": line " NR ": " text; failed = 1; exit }

{
    gsub(/\r/, "")
    count = split($1, a, ",")
    if (split($2, b, ",") != count) fail("another number of columns")
    for (i = 1; i <= count; i++) {
        if (NR == 1 || i <= 2 || a[i] == "" || b[i] == "") {
            if (a[i] != b[i]) fail("\"" a[i] "\" and \"" b[i] "\"")
            continue
        }
        difference = a[i] < b[i] ? b[i] - a[i] : a[i] - b[i]
        if (difference > largest) largest = difference
        compared++
    }
}

END {
    if (failed) exit 1
    printf "%s: %d rows of boundaries compared, largest difference %.2f px\n", name, compared, largest
    if (!compared || largest > most) exit 1
}
