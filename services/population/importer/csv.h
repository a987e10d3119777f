// Rows of text tables (CSV, RFC 4180 with other separators and encodings), from foreign hands.
//
// Thread safety: values. Cost: one pass, one copy. Errors: INVALID_ARGUMENT with the row in the
// metadata, never its text: BAD_ENCODING (no such characters), UNCLOSED_QUOTE, TEXT_AFTER_QUOTE,
// TOO_MANY_FIELDS.
#ifndef EGOV_SERVICES_POPULATION_IMPORTER_CSV_H_
#define EGOV_SERVICES_POPULATION_IMPORTER_CSV_H_

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/population/importer/mapping.pb.h"

namespace egov::population::importer {

inline constexpr size_t kMaxFields = 10'000;

// A table read into memory.
class CsvTable {
 public:
  // `bytes` in the dialect. The first row names the columns. Empty lines are passed over; a row
  // with another number of fields than the first is kept, and `complete` says so.
  static absl::StatusOr<CsvTable> Parse(absl::string_view bytes, const Dialect& dialect);

  // The place of the column with this name: INVALID_ARGUMENT UNKNOWN_COLUMN, or AMBIGUOUS_COLUMN
  // when two have it.
  absl::StatusOr<size_t> Column(const std::string& name) const;

  size_t rows() const { return rows_.size(); }
  bool complete(size_t row) const { return rows_[row].fields.size() == header_.size(); }
  // The line of the file, counted from 1, on which the row begins.
  size_t line(size_t row) const { return rows_[row].line; }
  // A field of a complete row, without spaces around it.
  absl::string_view Get(size_t row, size_t column) const;

 private:
  struct Row {
    size_t line = 0;
    std::vector<std::string> fields;
  };
  std::vector<std::string> header_;
  std::unordered_map<std::string, size_t> columns_;
  std::vector<Row> rows_;
};

}  // namespace egov::population::importer

#endif  // EGOV_SERVICES_POPULATION_IMPORTER_CSV_H_
