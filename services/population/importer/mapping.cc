#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/status.h"
#include "libs/identifiers/identifiers.h"
#include "services/population/importer/importer.h"

namespace egov::population::importer {
namespace {

absl::Status BadMapping(absl::string_view place, absl::string_view expected) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_MAPPING",
                     "The mapping cannot be used as it is.")
      .Field(place)
      .Expected(expected);
}

absl::Status CheckDialect(const Dialect& dialect, const std::string& place) {
  const std::string& separator = dialect.separator();
  const std::string& quote = dialect.quote();
  if (separator.size() > 1 || separator == "\n" || separator == "\r") {
    return BadMapping(absl::StrCat(place, ".separator"), "one character");
  }
  if (quote != "none" && (quote.size() > 1 || quote == "\n" || quote == "\r")) {
    return BadMapping(absl::StrCat(place, ".quote"), "one character, or none");
  }
  if ((quote.empty() ? "\"" : quote) == (separator.empty() ? "," : separator)) {
    return BadMapping(absl::StrCat(place, ".quote"), "another character than the separator");
  }
  return absl::OkStatus();
}

// Checks every Value, Condition and DateValue inside `message`, wherever they stand.
absl::Status CheckInside(const google::protobuf::Message& message,
                         const std::set<std::string>& tables, const std::string& place) {
  if (message.GetDescriptor() == Value::descriptor()) {
    const Value& value = static_cast<const Value&>(message);
    if (value.columns().empty() == value.constant().empty())
      return BadMapping(place, "either columns or a constant");
    if (!value.table().empty() && tables.count(value.table()) == 0) {
      return BadMapping(absl::StrCat(place, ".table"), "the name of one of the tables");
    }
  } else if (message.GetDescriptor() == DateValue::descriptor()) {
    if (static_cast<const DateValue&>(message).columns().empty())
      return BadMapping(place, "columns");
  } else if (message.GetDescriptor() == Condition::descriptor()) {
    const Condition& condition = static_cast<const Condition&>(message);
    const int questions = (condition.is().empty() ? 0 : 1) + (condition.present() ? 1 : 0) +
                          (condition.absent() ? 1 : 0);
    if (questions != 1) return BadMapping(place, "one of: is, present, absent");
  } else if (message.GetDescriptor() == PartMapping::descriptor()) {
    const PartMapping& part = static_cast<const PartMapping&>(message);
    v1::NamePartKind kind;
    for (const std::string& name :
         {part.kind(), part.sole_kind().empty() ? part.kind() : part.sole_kind()}) {
      if (!v1::NamePartKind_Parse(absl::StrCat("NAME_PART_KIND_", name), &kind) ||
          kind == v1::NAME_PART_KIND_UNSPECIFIED) {
        return BadMapping(absl::StrCat(place, ".kind"),
                          "GIVEN, FAMILY, PATRONYMIC, PREFIX or MONONYM");
      }
    }
    if (!part.has_value())
      return BadMapping(absl::StrCat(place, ".value"), "where the text is read from");
    if (part.split().size() > 1) return BadMapping(absl::StrCat(place, ".split"), "one character");
  } else if (message.GetDescriptor() == NameMapping::descriptor()) {
    const NameMapping& name = static_cast<const NameMapping&>(message);
    if (name.script().size() != 4)
      return BadMapping(absl::StrCat(place, ".script"), "ISO 15924: Latn");
    if (name.parts().empty()) return BadMapping(absl::StrCat(place, ".parts"), "at least one part");
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const google::protobuf::Reflection* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE || field->is_map())
      continue;
    const std::string inner = absl::StrCat(place, place.empty() ? "" : ".", field->name());
    if (!field->is_repeated()) {
      EGOV_RETURN_IF_ERROR(CheckInside(reflection->GetMessage(message, field), tables, inner));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      EGOV_RETURN_IF_ERROR(CheckInside(reflection->GetRepeatedMessage(message, field, i), tables,
                                       absl::StrCat(inner, "[", i, "]")));
    }
  }
  return absl::OkStatus();
}

bool IsReason(const std::string& text) {
  for (const char c : text) {
    if (c != '_' && (c < 'A' || c > 'Z')) return false;
  }
  return !text.empty() && text.size() <= 63;
}

}  // namespace

absl::StatusOr<Mapping> ParseMapping(absl::string_view json) {
  Mapping mapping;
  google::protobuf::util::JsonParseOptions strict;
  strict.ignore_unknown_fields = false;
  const auto parsed =
      google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &mapping, strict);
  if (!parsed.ok()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_MAPPING",
                       absl::StrCat("The mapping is not such JSON: ",
                                    std::string(parsed.message().data(), parsed.message().size())));
  }
  EGOV_RETURN_IF_ERROR(CheckDialect(mapping.dialect(), "dialect"));
  std::set<std::string> tables;
  for (int i = 0; i < mapping.tables_size(); ++i) {
    const Table& table = mapping.tables(i);
    const std::string place = absl::StrCat("tables[", i, "]");
    EGOV_RETURN_IF_ERROR(CheckDialect(table.dialect(), place + ".dialect"));
    if (table.name().empty() || !tables.insert(table.name()).second)
      return BadMapping(place + ".name", "a name of its own");
    if (table.file().empty() && table.entries().empty())
      return BadMapping(place, "a file or entries");
    // Tables lie beside the input; a mapping must not read elsewhere.
    if (table.file().find('/') != std::string::npos)
      return BadMapping(place + ".file", "a file in the folder of the input");
  }
  for (int i = 0; i < mapping.refusals_size(); ++i) {
    const std::string place = absl::StrCat("refusals[", i, "]");
    if (!IsReason(mapping.refusals(i).reason()))
      return BadMapping(place + ".reason", "UPPER_SNAKE_CASE");
    if (mapping.refusals(i).guard().when().empty())
      return BadMapping(place + ".guard.when", "at least one condition");
  }
  if (identifiers::Find(mapping.person().scheme()) == nullptr) {
    return BadMapping("person.scheme", "a scheme of libs/identifiers: nl-bsn");
  }
  if (!mapping.person().has_identifier())
    return BadMapping("person.identifier", "where the number is read from");
  if (mapping.person().names().empty())
    return BadMapping("person.names", "at least one form of the name");
  if (mapping.person().parents_size() > 4) return BadMapping("person.parents", "at most 4");
  EGOV_RETURN_IF_ERROR(CheckInside(mapping, tables, ""));
  return mapping;
}

}  // namespace egov::population::importer
