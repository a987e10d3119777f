#include "services/population/commands/validate.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "libs/base/status.h"
#include "services/population/store.h"

namespace egov::population::commands {

using egov::population::v1::Birth;
using egov::population::v1::Death;
using egov::population::v1::Name;
using egov::population::v1::NamePart;
using egov::population::v1::Parent;
using egov::population::v1::Person;
using egov::population::v1::Residence;

namespace {

// A field that this release does not know would be stored unseen and later be told to others
// without a right for it.
template <typename Message>
absl::Status CheckKnownFields(absl::string_view field, const Message& message) {
  // Kept: to ask a message for it costs as much as the rest of this.
  static const google::protobuf::Reflection* const reflection =
      Message::default_instance().GetReflection();
  if (reflection->GetUnknownFields(message).empty()) return absl::OkStatus();
  return Bad(field, "The message has a field that this register does not know.",
             "a field of the contract");
}

bool OnlyLetters(absl::string_view text, size_t first, size_t end, char a, char z) {
  for (size_t i = first; i < end; ++i) {
    if (text[i] < a || text[i] > z) return false;
  }
  return true;
}

absl::Status CheckName(const Rules& rules, const Name& name) {
  EGOV_RETURN_IF_ERROR(CheckKnownFields("script", name));
  const std::string& script = name.script();
  if (script.empty()) return Missing("script", "an ISO 15924 code: Latn");
  if (script.size() != 4 || !OnlyLetters(script, 0, 1, 'A', 'Z') ||
      !OnlyLetters(script, 1, 4, 'a', 'z')) {
    return Bad("script", "This is not the form of a script's code.", "an ISO 15924 code: Latn");
  }
  if (name.parts().empty()) return Missing("parts", "at least one part of the name");
  if (name.parts_size() > kMaxParts)
    return Bad("parts", "The name has too many parts.", "at most 20 parts");
  for (int i = 0; i < name.parts_size(); ++i) {
    const NamePart& part = name.parts(i);
    absl::Status status = CheckKnownFields("text", part);
    if (status.ok() && part.kind() == egov::population::v1::NAME_PART_KIND_UNSPECIFIED) {
      status = Missing("kind", "what the part is: given, family ...");
    } else if (status.ok() && !egov::population::v1::NamePartKind_IsValid(part.kind())) {
      status = Bad("kind", "There is no such part of a name.", "a kind of the contract");
    }
    if (status.ok()) status = CheckText("text", part.text(), true);
    if (!status.ok()) return In("parts", i, std::move(status));
  }
  EGOV_RETURN_IF_ERROR(CheckText("transliteration", name.transliteration(), false));
  if (!name.has_valid_from()) return absl::OkStatus();
  civil::PartialDate from;
  return CheckDate(rules, "valid_from", name.valid_from(), &from);
}

}  // namespace

absl::Status In(absl::string_view field, absl::Status status) {
  return status.ok() ? status : base::InField(field, status);
}

absl::Status In(absl::string_view list, size_t index, absl::Status status) {
  return status.ok() ? status : base::InField(absl::StrCat(list, "[", index, "]"), status);
}

absl::Status Missing(absl::string_view field, absl::string_view expected) {
  return base::Error(absl::StatusCode::kInvalidArgument, "MISSING_FIELD",
                     "A required field is absent.")
      .Field(field)
      .Expected(expected);
}

absl::Status Bad(absl::string_view field, absl::string_view message, absl::string_view expected) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD", message)
      .Field(field)
      .Expected(expected);
}

absl::Status CheckIdentifier(const Rules& rules, absl::string_view field,
                             const egov::identifiers::v1::Identifier& identifier, bool newly_given,
                             Code* code) {
  if (identifier.scheme().empty() && identifier.value().empty()) {
    return Missing(field, "an identifier: scheme and value");
  }
  const AcceptedScheme* scheme = rules.schemes->Find(identifier.scheme());
  if (scheme == nullptr) {
    return base::Error(absl::StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER",
                       "The register does not know this scheme of identifiers.")
        .Field(absl::StrCat(field, ".scheme"))
        .Expected("a scheme of this register")
        .With("fault", "UNKNOWN_SCHEME");
  }
  identifiers::Fault fault = scheme->rules->Pack(identifier.value(), &code->packed);
  if (fault == identifiers::Fault::kNone && newly_given) {
    fault = scheme->rules->ExamineIssued(identifier.value(), rules.today);
  }
  if (fault != identifiers::Fault::kNone) {
    return base::Error(absl::StatusCode::kInvalidArgument, "MALFORMED_IDENTIFIER",
                       "The identifier breaks the rules of its scheme.")
        .Field(absl::StrCat(field, ".value"))
        .Expected(absl::StrCat("a well-formed ", identifier.scheme()))
        .With("fault", identifiers::ReasonOf(fault));
  }
  code->scheme = scheme->number;
  return CheckKnownFields(field, identifier);
}

absl::Status CheckDate(const Rules& rules, absl::string_view field,
                       const egov::civil::v1::PartialDate& date, civil::PartialDate* out) {
  const absl::StatusOr<civil::PartialDate> parsed = FromProto(date);
  if (!parsed.ok()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "IMPOSSIBLE_DATE",
                       "The calendar has no such day.")
        .Field(field)
        .Expected("a day of the calendar, a month and year, or a year");
  }
  if (civil::CertainlyBefore(rules.today, *parsed)) {
    return base::Error(absl::StatusCode::kInvalidArgument, "DATE_IN_FUTURE",
                       "The day has not come yet.")
        .Field(field)
        .Expected("today or an earlier day");
  }
  *out = *parsed;
  return CheckKnownFields(field, date);
}

absl::Status CheckText(absl::string_view field, absl::string_view text, bool required) {
  if (text.empty())
    return required ? Missing(field, "a text of 1 to 200 characters") : absl::OkStatus();
  int characters = 0;
  bool only_spaces = true, control = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    if (byte > ' ' && byte < 0x7F) {  // nearly all
      ++characters;
      only_spaces = false;
      continue;
    }
    if ((byte & 0xC0) == 0x80) continue;  // not the first byte of a character
    ++characters;
    if (byte != ' ') only_spaces = false;
    if (byte < 0x20 || byte == 0x7F) control = true;
    // U+0080 to U+009F
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0)
      control = true;
  }
  if (characters > kMaxText) return Bad(field, "The text is too long.", "at most 200 characters");
  if (control) return Bad(field, "The text has control characters.", "printable characters");
  if (only_spaces) return Bad(field, "The text is blank.", "a text that says something");
  return absl::OkStatus();
}

absl::Status CheckCountry(absl::string_view field, absl::string_view country, bool required) {
  if (country.empty())
    return required ? Missing(field, "an ISO 3166-1 code: EE") : absl::OkStatus();
  if (country.size() == 2 && OnlyLetters(country, 0, 2, 'A', 'Z')) return absl::OkStatus();
  return Bad(field, "This is not the form of a country's code.", "an ISO 3166-1 code: EE");
}

absl::Status CheckNames(const Rules& rules, const google::protobuf::RepeatedPtrField<Name>& names) {
  if (names.empty()) return Missing("names", "at least one form of the name");
  if (names.size() > kMaxNames)
    return Bad("names", "There are too many forms of the name.", "at most 20 forms");
  for (int i = 0; i < names.size(); ++i) {
    absl::Status status = CheckName(rules, names[i]);
    if (!status.ok()) return In("names", i, std::move(status));
  }
  return absl::OkStatus();
}

absl::Status CheckBirth(const Rules& rules, const Birth& birth, civil::PartialDate* date) {
  EGOV_RETURN_IF_ERROR(CheckKnownFields("date", birth));
  if (birth.has_date()) EGOV_RETURN_IF_ERROR(CheckDate(rules, "date", birth.date(), date));
  EGOV_RETURN_IF_ERROR(CheckText("place", birth.place(), false));
  return CheckCountry("country", birth.country(), false);
}

absl::Status CheckDeath(const Rules& rules, const Death& death, civil::PartialDate* date) {
  EGOV_RETURN_IF_ERROR(CheckKnownFields("date", death));
  if (death.has_date()) EGOV_RETURN_IF_ERROR(CheckDate(rules, "date", death.date(), date));
  EGOV_RETURN_IF_ERROR(CheckText("place", death.place(), false));
  return CheckCountry("country", death.country(), false);
}

absl::Status CheckResidence(const Rules& rules, const Residence& residence,
                            civil::PartialDate* valid_from) {
  EGOV_RETURN_IF_ERROR(CheckKnownFields("country", residence));
  EGOV_RETURN_IF_ERROR(CheckCountry("country", residence.country(), true));
  EGOV_RETURN_IF_ERROR(CheckText("region", residence.region(), false));
  EGOV_RETURN_IF_ERROR(CheckText("municipality", residence.municipality(), false));
  EGOV_RETURN_IF_ERROR(CheckText("locality", residence.locality(), false));
  EGOV_RETURN_IF_ERROR(CheckText("street", residence.street(), false));
  EGOV_RETURN_IF_ERROR(CheckText("house", residence.house(), false));
  EGOV_RETURN_IF_ERROR(CheckText("apartment", residence.apartment(), false));
  EGOV_RETURN_IF_ERROR(CheckText("postcode", residence.postcode(), false));
  if (!residence.has_valid_from()) return absl::OkStatus();
  return CheckDate(rules, "valid_from", residence.valid_from(), valid_from);
}

absl::Status CheckParent(const Rules& rules, const Parent& parent, Code* code,
                         civil::PartialDate* birth_date) {
  EGOV_RETURN_IF_ERROR(CheckKnownFields("identifier", parent));
  if (!parent.has_identifier() && !parent.has_name()) {
    return Missing("identifier", "the parent's identifier, or the name of one who has none here");
  }
  if (parent.has_identifier()) {
    EGOV_RETURN_IF_ERROR(CheckIdentifier(rules, "identifier", parent.identifier(), false, code));
  }
  if (parent.has_name()) EGOV_RETURN_IF_ERROR(In("name", CheckName(rules, parent.name())));
  if (parent.has_birth_date()) {
    EGOV_RETURN_IF_ERROR(CheckDate(rules, "birth_date", parent.birth_date(), birth_date));
  }
  if (!parent.has_valid_from()) return absl::OkStatus();
  civil::PartialDate from;
  return CheckDate(rules, "valid_from", parent.valid_from(), &from);
}

absl::Status CheckDeathAfterBirth(const civil::PartialDate& birth,
                                  const civil::PartialDate& death) {
  if (!death.known() || !birth.known() || !civil::CertainlyBefore(death, birth))
    return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "DEATH_BEFORE_BIRTH",
                     "The death is certainly before the birth.")
      .Field("death.date")
      .Expected("the day of birth or a later one");
}

absl::Status CheckPerson(const Rules& rules, const Person& person, CheckedPerson* checked) {
  EGOV_RETURN_IF_ERROR(CheckKnownFields("identifier", person));
  EGOV_RETURN_IF_ERROR(
      CheckIdentifier(rules, "identifier", person.identifier(), true, &checked->code));
  EGOV_RETURN_IF_ERROR(CheckNames(rules, person.names()));
  if (!egov::population::v1::Sex_IsValid(person.sex())) {
    return Bad("sex", "There is no such value.", "a value of the contract");
  }
  if (person.has_birth())
    EGOV_RETURN_IF_ERROR(In("birth", CheckBirth(rules, person.birth(), &checked->birth_date)));
  if (person.has_death())
    EGOV_RETURN_IF_ERROR(In("death", CheckDeath(rules, person.death(), &checked->death_date)));
  EGOV_RETURN_IF_ERROR(CheckDeathAfterBirth(checked->birth_date, checked->death_date));
  if (person.has_residence()) {
    civil::PartialDate from;
    EGOV_RETURN_IF_ERROR(In("residence", CheckResidence(rules, person.residence(), &from)));
  }
  if (person.parents_size() > kMaxParents) {
    return Bad("parents", "There are too many parents.", "at most 4 parents");
  }
  return absl::OkStatus();
}

absl::Status CheckOtherIdentifiers(const Rules& rules, const Person& person, Code in_force,
                                   std::vector<Code>* others) {
  if (person.other_identifiers_size() > kMaxIdentifiers) {
    return Bad("other_identifiers", "There are too many identifiers.", "at most 20");
  }
  uint32_t schemes_seen = 0;
  for (int i = 0; i < person.other_identifiers_size(); ++i) {
    Code code;
    const std::string place = absl::StrCat("other_identifiers[", i, "]");
    EGOV_RETURN_IF_ERROR(CheckIdentifier(rules, place, person.other_identifiers(i), true, &code));
    if (code.scheme != in_force.scheme) {
      if (schemes_seen >> code.scheme & 1) {
        return Bad(place, "The person has two identifiers of this scheme.",
                   "one identifier of each other scheme");
      }
      schemes_seen |= 1u << code.scheme;
    }
    others->push_back(code);
  }
  return absl::OkStatus();
}

}  // namespace egov::population::commands
