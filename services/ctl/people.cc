#include "services/ctl/people.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/ctl/calls.h"
#include "services/ctl/command.h"

namespace egov::ctl {
namespace {

namespace pb = ::egov::population::v1;

std::string NameText(const pb::Name& name) {
  std::vector<std::string> parts;
  for (const pb::NamePart& part : name.parts()) parts.push_back(part.text());
  return absl::StrJoin(parts, " ");
}

std::string Joined(const std::vector<std::string>& texts) {
  std::vector<std::string> present;
  for (const std::string& text : texts) {
    if (!text.empty()) present.push_back(text);
  }
  return absl::StrJoin(present, ", ");
}

std::string SexText(pb::Sex sex) {
  switch (sex) {
    case pb::SEX_FEMALE:
      return "female";
    case pb::SEX_MALE:
      return "male";
    case pb::SEX_OTHER:
      return "other";
    default:
      return "";
  }
}

}  // namespace

std::string PersonText(const pb::Person& person) {
  std::vector<std::pair<std::string, std::string>> facts;
  auto add = [&](const std::string& name, std::string value) {
    if (!value.empty()) facts.emplace_back(name, std::move(value));
  };
  add("code", person.identifier().value());
  for (const auto& other : person.other_identifiers())
    add("other code", absl::StrCat(other.value(), " (", other.scheme(), ")"));
  for (const pb::Name& name : person.names()) {
    add("name", absl::StrCat(NameText(name), name.script().empty() || name.script() == "Latn"
                                                 ? ""
                                                 : absl::StrCat(" (", name.script(), ")")));
  }
  add("sex", SexText(person.sex()));
  add("born",
      Joined({DateText(person.birth().date()), person.birth().place(), person.birth().country()}));
  const pb::Residence& home = person.residence();
  const std::string door =
      home.apartment().empty() ? home.house() : absl::StrCat(home.house(), "-", home.apartment());
  add("lives", Joined({absl::StrJoin(std::vector<std::string>{home.street(), door},
                                     home.street().empty() || door.empty() ? "" : " "),
                       home.locality(), home.municipality(), home.region(), home.postcode(),
                       home.country()}));
  for (const pb::Parent& parent : person.parents()) {
    add("parent", Joined({parent.identifier().value(), NameText(parent.name()),
                          DateText(parent.birth_date())}));
  }
  if (person.has_death()) {
    const std::string day = DateText(person.death().date());
    add("died", Joined({day.empty() ? "day not known" : day, person.death().place(),
                        person.death().country()}));
  }
  std::string text;
  for (const auto& [name, value] : facts)
    absl::StrAppend(&text, name, std::string(12 - name.size(), ' '), value, "\n");
  return text;
}

std::string KindText(pb::ChangeKind kind) {
  return absl::StrReplaceAll(
      absl::AsciiStrToLower(absl::StripPrefix(pb::ChangeKind_Name(kind), "CHANGE_KIND_")),
      {{"_", "-"}});
}

absl::StatusOr<pb::ChangeKind> KindOf(absl::string_view text) {
  pb::ChangeKind kind = pb::CHANGE_KIND_UNSPECIFIED;
  const std::string name =
      absl::StrCat("CHANGE_KIND_", absl::StrReplaceAll(absl::AsciiStrToUpper(text), {{"-", "_"}}));
  if (!pb::ChangeKind_Parse(name, &kind) || kind == pb::CHANGE_KIND_UNSPECIFIED) {
    return UsageError(
        "--kind takes loaded, birth, death, death-annulled, name, residence or "
        "identifier-replaced");
  }
  return kind;
}

}  // namespace egov::ctl
