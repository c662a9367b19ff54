# Adds up the numeric columns of the first CSV in the input folder exactly, with only sh and awk.
export LC_ALL=C
input=${INPUT_DIR:-/workspace/input}
output=${OUTPUT_DIR:-/workspace/output}
fail() { printf '{"error":"%s"}\n' "$1"; exit 1; }

file=
for candidate in "$input"/*.[cC][sS][vV] "$input"/*; do
  if [ -f "$candidate" ]; then file=$candidate; break; fi
done
[ -n "$file" ] || fail 'There is no file in the input folder.'
[ -s "$file" ] || fail 'The file is empty.'
# Text has no control characters besides tab and line ends.
[ "$(tr -d '\011\012\015\040-\176\200-\377' <"$file" | head -c 1 | wc -c)" -eq 0 ] || fail 'The file is not a CSV: it holds binary data.'
if command -v iconv >/dev/null 2>&1; then
  iconv -f UTF-8 -t UTF-8 "$file" >/dev/null 2>&1 || fail 'The file is not a CSV in UTF-8.'
fi

mkdir -p "$output" || fail 'The output folder cannot be written.'
result=$(FILE_NAME=${file##*/} awk '
function json(s,   i, c, out) {
  for (i = 1; i <= length(s); i++) {
    c = substr(s, i, 1)
    if (c == "\"" || c == "\\") c = "\\" c
    else if (c == "\t") c = "\\t"
    else if (c == "\n") c = "\\n"
    else if (c == "\r") c = "\\r"
    out = out c
  }
  return "\"" out "\""
}
function bad(why) { print "{\"error\":" json("The file is not a CSV: " why) "}"; failed = 1; exit 1 }
function trim(s) { sub(/^[ \t]+/, "", s); sub(/[ \t]+$/, "", s); return s }
function is_number(s) {
  if (length(s) > 100) return 0
  if (s ~ /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$/) return 1
  return sep == "," && s ~ /^[+-]?[0-9][0-9]?[0-9]?(,[0-9][0-9][0-9])+(\.[0-9]*)?$/
}

# The separator is the most frequent of comma, semicolon and tab outside quotes in the header.
function find_separator(line,   bare, commas, semicolons, tabs) {
  bare = line
  gsub(/"[^"]*"/, "", bare)
  commas = gsub(/,/, "", bare); semicolons = gsub(/;/, "", bare); tabs = gsub(/\t/, "", bare)
  if (commas >= semicolons && commas >= tabs) return ","
  return semicolons >= tabs ? ";" : "\t"
}

# state: 0 before a field, 1 in a bare one, 2 in quotes, 3 after the closing quote. A quoted field may continue in the next line.
function take(line,   i, c, len) {
  if (state == 0 && index(line, "\"") == 0) { count = split(line, field, sep); return }
  if (state == 0) { count = 0; value = "" }
  len = length(line)
  for (i = 1; i <= len; i++) {
    c = substr(line, i, 1)
    if (state == 2) {
      if (c != "\"") value = value c
      else if (substr(line, i + 1, 1) == "\"") { value = value c; i++ }
      else state = 3
    } else if (c == sep) { field[++count] = value; value = ""; state = 0 }
    else if (c == "\"" && state == 0 && trim(value) == "") { value = ""; state = 2 }
    else if (c == "\"" || (state == 3 && c != " ")) bad("line " NR " has a quote in the middle of a field.")
    else if (state != 3) { value = value c; if (c != " ") state = 1 }
  }
  if (state == 2) {
    value = value "\n"
    if (length(value) > 65536) bad("a quote is never closed.")
  } else { field[++count] = value; value = ""; state = 0 }
}

function take_header(   i, name, copy) {
  columns = count
  for (i = 1; i <= columns; i++) {
    name = trim(field[i])
    if (is_number(name) && name !~ /^(19|20)[0-9][0-9]$/) bad("its first line is not a header.")
    if (name == "") name = "column_" i
    copy = 1
    title[i] = name
    while (title[i] in taken) title[i] = name "_" ++copy
    taken[title[i]] = 1
  }
}

# Digits are added in groups of seven, counted from the decimal point, so no sum is ever rounded.
function add(column, number,   sign, point, whole, part, k) {
  sign = substr(number, 1, 1) == "-" ? -1 : 1
  gsub(/[+,-]/, "", number)
  point = index(number, ".")
  whole = point ? substr(number, 1, point - 1) : number
  part = point ? substr(number, point + 1) : ""
  if (length(part) > scale[column]) scale[column] = length(part)
  for (k = 0; length(whole) > 0; k++) {
    sum[column, k] += sign * (length(whole) > 7 ? substr(whole, length(whole) - 6) : whole)
    whole = length(whole) > 7 ? substr(whole, 1, length(whole) - 7) : ""
    if (k > top[column]) top[column] = k
  }
  for (k = -1; length(part) > 0; k--) {
    sum[column, k] += sign * substr(part "0000000", 1, 7)
    part = substr(part, 8)
    if (k < low[column]) low[column] = k
  }
}
function carry_over(column, sign,   k, x, rest) {
  rest = 0
  for (k = low[column] + 0; k <= top[column] || (rest != 0 && rest != -1); k++) {
    x = sign * sum[column, k] + rest
    group[k] = x % 10000000
    if (group[k] < 0) group[k] += 10000000
    rest = (x - group[k]) / 10000000
    highest = k
  }
  return rest
}
function total(column,   sign, k, whole, part) {
  sign = ""
  if (carry_over(column, 1) < 0) { sign = "-"; carry_over(column, -1) }
  for (k = highest; k >= 0; k--) whole = whole sprintf("%07d", group[k])
  for (k = -1; k >= low[column]; k--) part = part sprintf("%07d", group[k])
  sub(/^0+/, "", whole)
  if (whole == "") whole = "0"
  return sign whole (scale[column] > 0 ? "." substr(part, 1, scale[column]) : "")
}

NR == 1 { sub(/^\357\273\277/, "") }
{ sub(/\r$/, "") }
state == 0 && /^[ \t]*$/ { next }
sep == "" { sep = find_separator($0) }
{ take($0) }
state == 2 { next }
columns == 0 { take_header(); next }
count != columns { bad("line " NR " has " count " fields, its header has " columns ".") }
{
  rows++
  for (i = 1; i <= columns; i++) {
    cell = trim(field[i])
    if (cell == "" || words[i]) continue
    if (is_number(cell)) { add(i, cell); seen[i] = 1 } else words[i] = 1
  }
}
END {
  if (failed) exit 1
  if (state == 2) bad("a quote is never closed.")
  if (columns == 0) bad("it has no header.")
  if (columns == 1 && (!seen[1] || words[1])) bad("it has one column, and no numbers in it.")
  for (i = 1; i <= columns; i++) {
    names = names (i > 1 ? "," : "") json(title[i])
    if (seen[i] && !words[i]) totals = totals (totals == "" ? "" : ",") json(title[i]) ":\"" total(i) "\""
  }
  printf "{\"file\":%s,\"rows\":%d,\"columns\":[%s],\"totals\":{%s}}\n", json(ENVIRON["FILE_NAME"]), rows, names, totals
}' "$file")
status=$?
[ $status -ne 0 ] || printf '%s\n' "$result" >"$output/totals.json"
printf '%s\n' "$result"
exit $status
