#include "services/population/importer/row_reader.h"

#include <algorithm>

#include "libs/base/status.h"

namespace egov::population::importer {
namespace {

constexpr int kMaxCharacters = 200;

// The register's rule for texts: at most 200 characters, none of them for control.
bool IsText(absl::string_view text) {
  int characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return false;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0)
      return false;
    characters += (byte & 0xC0) != 0x80;
  }
  return characters <= kMaxCharacters;
}

}  // namespace

absl::Status RowReader::FindColumns(const google::protobuf::Message& message) {
  std::vector<std::string> names;
  if (message.GetDescriptor() == Value::descriptor()) {
    const auto& columns = static_cast<const Value&>(message).columns();
    names.assign(columns.begin(), columns.end());
  } else if (message.GetDescriptor() == DateValue::descriptor()) {
    const auto& columns = static_cast<const DateValue&>(message).columns();
    names.assign(columns.begin(), columns.end());
  } else if (message.GetDescriptor() == Condition::descriptor()) {
    names.push_back(static_cast<const Condition&>(message).column());
  } else if (message.GetDescriptor() == Grouping::descriptor()) {
    names.push_back(static_cast<const Grouping&>(message).label_column());
  }
  for (const std::string& name : names) {
    EGOV_ASSIGN_OR_RETURN(columns_[name], input_->Column(name));
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const google::protobuf::Reflection* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE || field->is_map())
      continue;
    if (!field->is_repeated()) {
      EGOV_RETURN_IF_ERROR(FindColumns(reflection->GetMessage(message, field)));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      EGOV_RETURN_IF_ERROR(FindColumns(reflection->GetRepeatedMessage(message, field, i)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<RowReader> RowReader::Make(const Mapping& mapping, const CsvTable& input,
                                          const TableFile& tables) {
  RowReader reader;
  reader.input_ = &input;
  EGOV_RETURN_IF_ERROR(reader.FindColumns(mapping));
  for (const Table& table : mapping.tables()) {
    auto& entries = reader.tables_[table.name()];
    for (const auto& entry : table.entries()) entries.emplace(entry.first, entry.second);
    if (table.file().empty()) continue;
    EGOV_ASSIGN_OR_RETURN(const std::string bytes, tables(table.file()));
    EGOV_ASSIGN_OR_RETURN(const CsvTable file, CsvTable::Parse(bytes, table.dialect()));
    EGOV_ASSIGN_OR_RETURN(const size_t key, file.Column(table.key_column()));
    EGOV_ASSIGN_OR_RETURN(const size_t meaning, file.Column(table.value_column()));
    for (size_t row = 0; row < file.rows(); ++row) {
      if (!file.complete(row)) {
        return base::Error(absl::StatusCode::kInvalidArgument, "BAD_TABLE",
                           "A row of a code table has another number of fields.")
            .Field(table.file());
      }
      entries.emplace(std::string(file.Get(row, key)), std::string(file.Get(row, meaning)));
    }
  }
  return reader;
}

bool RowReader::Holds(const Guard& guard, size_t row) const {
  const auto holds = [&](const Condition& condition) {
    const absl::string_view text = Get(condition.column(), row);
    if (condition.present()) return !text.empty();
    if (condition.absent()) return text.empty();
    return std::any_of(condition.is().begin(), condition.is().end(),
                       [&](const std::string& is) { return text == is; });
  };
  return std::all_of(guard.when().begin(), guard.when().end(), holds) &&
         std::none_of(guard.unless().begin(), guard.unless().end(), holds);
}

Found<std::string> RowReader::Text(const Value& value, size_t row) const {
  Found<std::string> found;
  found.value = value.constant();
  for (const std::string& column : value.columns()) {
    const absl::string_view text = Get(column, row);
    if (text.empty() || std::count(value.blanks().begin(), value.blanks().end(), text) != 0)
      continue;
    if (found.column.empty()) found.column = column;
    if (!found.value.empty()) found.value += value.glue();
    found.value.append(text.data(), text.size());
    if (!value.join()) break;
  }
  if (!found.value.empty() && !value.table().empty()) {
    const auto& entries = tables_.at(value.table());
    const auto meaning = entries.find(found.value);
    if (meaning != entries.end()) {
      found.value = meaning->second;
    } else if (!value.keep_unlisted()) {
      found.value.clear();
      found.fault = "UNLISTED_CODE";
    }
  }
  if (!IsText(found.value)) {
    found.value.clear();
    found.fault = "BAD_TEXT";
  }
  return found;
}

Found<civil::PartialDate> RowReader::Date(const DateValue& value, size_t row) const {
  Found<civil::PartialDate> found;
  for (const std::string& column : value.columns()) {
    const absl::string_view text = Get(column, row);
    if (text.empty()) continue;
    found.column = column;
    const auto date = value.form() == YYYYMMDD ? civil::PartialDate::ParseBrp(text)
                                               : civil::PartialDate::Parse(text);
    if (date.ok()) {
      found.value = *date;
    } else {
      found.fault = "BAD_DATE";
    }
    break;
  }
  return found;
}

}  // namespace egov::population::importer
