// Takes people out of another registry's file, by a declarative mapping (mapping.proto), and
// accounts for every row.
//
//   EGOV_ASSIGN_OR_RETURN(const Summary summary, ImportFiles({mapping, in, out, report}));
//
// Every row of the input ends as one of three, in the report:
//   imported   the current row of a person who is in the output
//   history    an earlier row of a person: not taken now, kept in the source for later; with the
//              note PERSON_REFUSED when the person was refused
//   refused    with a reason: NO_IDENTIFIER; BAD_LENGTH, BAD_CHARACTER, BAD_FIRST_DIGIT, BAD_DATE,
//              BAD_CHECK_DIGIT (the number); SECOND_HOLDER (another person before it has the
//              number); NO_NAME; IMPOSSIBLE_DEATH_DATE; DEATH_BEFORE_BIRTH; BAD_TEXT (a name with
//              control characters, or too long); BAD_ROW (number of fields); NO_PERSON (history
//              before the first person); or a reason of the mapping's own
//
// Facts that could not be taken although the person was are notes beside "imported": "BAD_DATE
// 02.62.10". Nothing is left out in silence. Neither report nor errors hold any of the people's
// data; a row is named by its line.
//
// Thread safety: pure functions. Cost: the input in memory two to three times; some 100,000 rows/s
// of 250 columns.
// Errors: INVALID_ARGUMENT BAD_MAPPING (with the place), UNKNOWN_COLUMN,
// AMBIGUOUS_COLUMN, those of csv.h; NOT_FOUND NO_FILE; UNAVAILABLE FILE_IO.
#ifndef EGOV_SERVICES_POPULATION_IMPORTER_IMPORTER_H_
#define EGOV_SERVICES_POPULATION_IMPORTER_IMPORTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "egov/population/v1/person.pb.h"
#include "libs/civil/date.h"
#include "services/population/importer/mapping.pb.h"

namespace egov::population::importer {

enum class Outcome { kImported, kHistory, kRefused };

struct RowReport {
  uint64_t line = 0;  // of the file, the first being 1
  Outcome outcome = Outcome::kRefused;
  std::string reason;  // of a refusal
  std::string column;  // at fault, when there is one
  std::vector<std::string> notes;
};

struct Summary {
  uint64_t imported = 0, history = 0, refused = 0;  // rows; imported = people
  uint64_t notes = 0;
  std::map<std::string, uint64_t> refused_by_reason;
};

struct Imported {
  std::vector<egov::population::v1::Person>
      people;                   // parents before their children, else in the file's order
  std::vector<RowReport> rows;  // in the file's order
  Summary summary;
};

// Reads a mapping from JSON and checks what can be checked without a file.
absl::StatusOr<Mapping> ParseMapping(absl::string_view json);

// Gives the bytes of a table's file.
using TableFile = std::function<absl::StatusOr<std::string>(const std::string& file)>;

absl::StatusOr<Imported> Import(const Mapping& mapping, absl::string_view input,
                                const TableFile& tables, civil::Date today);

// The report as a table with tabs: line, outcome, reason, column, notes.
std::string ReportTsv(const std::vector<RowReport>& rows);

struct Files {
  std::string mapping;  // JSON
  std::string in;       // the registry's file; tables are looked for in its folder
  std::string out;      // the file of people for `load`; empty: none is written
  std::string report;   // empty: none is written
  civil::Date today;    // dates that certainly lie after it are refused, as the register does
};
absl::StatusOr<Summary> ImportFiles(const Files& files);

}  // namespace egov::population::importer

#endif  // EGOV_SERVICES_POPULATION_IMPORTER_IMPORTER_H_
