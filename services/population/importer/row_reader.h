// Reads texts and dates out of rows as a mapping says: the part of the importer that knows no
// people.
#ifndef EGOV_SERVICES_POPULATION_IMPORTER_ROW_READER_H_
#define EGOV_SERVICES_POPULATION_IMPORTER_ROW_READER_H_

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/civil/date.h"
#include "services/population/importer/csv.h"
#include "services/population/importer/importer.h"
#include "services/population/importer/mapping.pb.h"

namespace egov::population::importer {

// What a row holds for a value or date.
template <typename T>
struct Found {
  T value{};
  absl::string_view fault;  // UPPER_SNAKE_CASE when there was something that could not be taken
  std::string column;       // where
};

class RowReader {
 public:
  // Loads the tables and finds the columns of the whole mapping, so that a wrong name is told
  // before the first row.
  static absl::StatusOr<RowReader> Make(const Mapping& mapping, const CsvTable& input,
                                        const TableFile& tables);

  bool Holds(const Guard& guard, size_t row) const;
  // Faults: UNLISTED_CODE (the table does not have it), BAD_TEXT (control characters, or more than
  // 200).
  Found<std::string> Text(const Value& value, size_t row) const;
  // Fault: BAD_DATE.
  Found<civil::PartialDate> Date(const DateValue& value, size_t row) const;
  absl::string_view Get(const std::string& column, size_t row) const {
    return input_->Get(row, columns_.at(column));
  }

 private:
  absl::Status FindColumns(const google::protobuf::Message& message);

  const CsvTable* input_ = nullptr;
  std::unordered_map<std::string, size_t> columns_;
  std::unordered_map<std::string, std::unordered_map<std::string, std::string>> tables_;
};

}  // namespace egov::population::importer

#endif  // EGOV_SERVICES_POPULATION_IMPORTER_ROW_READER_H_
