#!/usr/bin/env bash
# Every row comes out, as a line for people and as an object for machines. Nothing is said about time.
set -euo pipefail
load=$1 population=$2 identity=$3
export TMPDIR="${TEST_TMPDIR:-$(mktemp -d)}"
json="$TMPDIR/rows.json" table="$TMPDIR/table"

fail() {
  echo "FAILED: $*" >&2
  cat "$table" >&2 || true
  exit 1
}

if "$load" --population "$population" --identity "$identity" no_such_row >/dev/null 2>&1; then fail "a row that does not exist was accepted"; fi
"$load" --population "$population" --identity "$identity" --quick --json "$json" >"$table"
for row in get_person get_person_single record_birth vital_status load growth lookup feed resident start ocsp tsa; do
  grep -q "^$row " "$table" || fail "the table has no row $row"
  grep -Eq "\{\"name\": \"$row\", \"value\": -?[0-9.e+-]+, \"unit\": \"[A-Za-z /]+\", \"baseline\": [0-9.e+-]+, \"ratio\": -?[0-9.e+-]+\}" \
    "$json" || fail "the JSON has no row $row"
done
[[ $(grep -c '"name"' "$json") == 12 ]] || fail "the JSON has more rows than asked for"
