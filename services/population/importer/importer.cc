#include "services/population/importer/importer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/identifiers/identifiers.h"
#include "services/population/importer/csv.h"
#include "services/population/importer/row_reader.h"

namespace egov::population::importer {
namespace {

// The register takes 20 parts of a name; of a text with very many words the whole is one part.
constexpr size_t kMaxSplit = 15;
constexpr int kMaxParts = 20;

// Why a person is not taken in, and where it was seen.
struct Refused {
  std::string reason;
  std::string column;
};

void Set(const civil::PartialDate& date, egov::civil::v1::PartialDate* out) {
  out->set_year(static_cast<uint32_t>(date.year()));
  out->set_month(static_cast<uint32_t>(date.month()));
  out->set_day(static_cast<uint32_t>(date.day()));
}

civil::PartialDate FromProto(const egov::civil::v1::PartialDate& date) {
  return civil::PartialDate::OfParts(static_cast<int>(date.year()), static_cast<int>(date.month()),
                                     static_cast<int>(date.day()))
      .value_or(civil::PartialDate());
}

// Makes people out of current rows.
class PersonMaker {
 public:
  PersonMaker(const Mapping& mapping, const RowReader& reader, civil::Date today)
      : mapping_(mapping),
        scheme_(*identifiers::Find(mapping.person().scheme())),
        reader_(reader),
        today_(today) {}

  // Fills `person`; what could not be taken goes to `notes`. An empty reason: the person is fit to
  // be taken in.
  Refused Make(size_t row, v1::Person* person, std::vector<std::string>* notes) {
    row_ = row;
    notes_ = notes;
    const PersonMapping& mapping = mapping_.person();
    for (const Refusal& refusal : mapping_.refusals()) {
      if (reader_.Holds(refusal.guard(), row))
        return {refusal.reason(), refusal.guard().when(0).column()};
    }
    const Found<std::string> number = reader_.Text(mapping.identifier(), row);
    if (number.value.empty()) return {"NO_IDENTIFIER", mapping.identifier().columns(0)};
    const identifiers::Fault fault = scheme_.ExamineIssued(number.value, today_);
    if (fault != identifiers::Fault::kNone)
      return {std::string(identifiers::ReasonOf(fault)), number.column};
    person->mutable_identifier()->set_scheme(mapping.scheme());
    person->mutable_identifier()->set_value(number.value);

    for (const NameMapping& name : mapping.names()) {
      v1::Name made;
      const Refused refused = MakeName(name, &made);
      if (!refused.reason.empty()) return refused;
      if (made.parts_size() > 0) person->add_names()->Swap(&made);
    }
    if (person->names().empty()) return {"NO_NAME", ""};

    if (mapping.has_sex()) {
      const std::string text = Take(mapping.sex());
      v1::Sex sex = v1::SEX_UNSPECIFIED;
      if (!text.empty() && !v1::Sex_Parse(absl::StrCat("SEX_", text), &sex))
        Note("BAD_SEX", mapping.sex().columns(0));
      person->set_sex(sex);
    }
    const civil::PartialDate birth = TakeDate(mapping.birth().date());
    if (mapping.has_birth()) MakeBirth(birth, person);
    Refused refused = MakeDeath(birth, person);
    if (!refused.reason.empty()) return refused;
    for (const ResidenceMapping& residence : mapping.residences()) {
      if (!reader_.Holds(residence.guard(), row)) continue;
      MakeResidence(residence, person);
      break;
    }
    for (const ParentMapping& parent : mapping.parents()) {
      if (reader_.Holds(parent.guard(), row)) MakeParent(parent, person);
    }
    return {};
  }

 private:
  void Note(absl::string_view what, absl::string_view column) {
    notes_->push_back(absl::StrCat(what, column.empty() ? "" : " ", column));
  }

  // A text that the person can do without.
  std::string Take(const Value& value) {
    Found<std::string> found = reader_.Text(value, row_);
    if (!found.fault.empty()) Note(found.fault, found.column);
    return std::move(found.value);
  }

  std::string TakeCountry(const Value& value) {
    std::string country = Take(value);
    const bool code = country.size() == 2 && country[0] >= 'A' && country[0] <= 'Z' &&
                      country[1] >= 'A' && country[1] <= 'Z';
    if (country.empty() || code) return country;
    Note("BAD_COUNTRY", value.columns().empty() ? "" : value.columns(0));
    return "";
  }

  // A date, which must not lie in the future.
  Found<civil::PartialDate> Read(const DateValue& value) {
    Found<civil::PartialDate> found = reader_.Date(value, row_);
    if (found.fault.empty() && civil::CertainlyBefore(today_, found.value))
      found.fault = "DATE_IN_FUTURE";
    if (!found.fault.empty()) found.value = civil::PartialDate();
    return found;
  }

  // A date that the fact can do without.
  civil::PartialDate TakeDate(const DateValue& value) {
    const Found<civil::PartialDate> found = Read(value);
    if (!found.fault.empty()) Note(found.fault, found.column);
    return found.value;
  }

  Refused MakeName(const NameMapping& mapping, v1::Name* name) {
    if (!reader_.Holds(mapping.guard(), row_)) return {};
    const PartMapping* last = nullptr;
    for (const PartMapping& part : mapping.parts()) {
      const Found<std::string> found = reader_.Text(part.value(), row_);
      if (!found.fault.empty()) return {std::string(found.fault), found.column};
      std::vector<absl::string_view> texts;
      if (!part.split().empty())
        texts = absl::StrSplit(found.value, part.split()[0], absl::SkipEmpty());
      if (part.split().empty() || texts.size() > kMaxSplit) texts = {found.value};
      for (absl::string_view text : texts) {
        if (text.empty()) continue;
        if (name->parts_size() == kMaxParts) return {"BAD_TEXT", found.column};
        v1::NamePart* made = name->add_parts();
        v1::NamePartKind kind = v1::NAME_PART_KIND_UNSPECIFIED;
        v1::NamePartKind_Parse(absl::StrCat("NAME_PART_KIND_", part.kind()), &kind);
        made->set_kind(kind);
        made->set_text(text.data(), text.size());
        last = &part;
      }
    }
    if (last == nullptr) return {};
    name->set_script(mapping.script());
    if (name->parts_size() == 1 && !last->sole_kind().empty()) {
      v1::NamePartKind kind = v1::NAME_PART_KIND_UNSPECIFIED;
      v1::NamePartKind_Parse(absl::StrCat("NAME_PART_KIND_", last->sole_kind()), &kind);
      name->mutable_parts(0)->set_kind(kind);
    }
    if (mapping.has_valid_from()) {
      const civil::PartialDate from = TakeDate(mapping.valid_from());
      if (from.known()) Set(from, name->mutable_valid_from());
    }
    return {};
  }

  void MakeBirth(const civil::PartialDate& date, v1::Person* person) {
    const BirthMapping& mapping = mapping_.person().birth();
    v1::Birth birth;
    if (date.known()) Set(date, birth.mutable_date());
    birth.set_place(Take(mapping.place()));
    birth.set_country(TakeCountry(mapping.country()));
    if (birth.has_date() || !birth.place().empty() || !birth.country().empty())
      person->mutable_birth()->Swap(&birth);
  }

  Refused MakeDeath(const civil::PartialDate& birth, v1::Person* person) {
    const DeathMapping& mapping = mapping_.person().death();
    if (!mapping_.person().has_death() || !reader_.Holds(mapping.guard(), row_)) return {};
    const Found<civil::PartialDate> date = Read(mapping.date());
    if (!date.fault.empty()) return {"IMPOSSIBLE_DEATH_DATE", date.column};
    if (birth.known() && date.value.known() && civil::CertainlyBefore(date.value, birth)) {
      return {"DEATH_BEFORE_BIRTH", date.column};
    }
    v1::Death* death = person->mutable_death();
    if (date.value.known()) Set(date.value, death->mutable_date());
    death->set_place(Take(mapping.place()));
    death->set_country(TakeCountry(mapping.country()));
    return {};
  }

  void MakeResidence(const ResidenceMapping& mapping, v1::Person* person) {
    v1::Residence residence;
    residence.set_country(TakeCountry(mapping.country()));
    if (residence.country().empty()) {
      Note("RESIDENCE_WITHOUT_COUNTRY",
           mapping.country().columns().empty() ? "" : mapping.country().columns(0));
      return;
    }
    residence.set_region(Take(mapping.region()));
    residence.set_municipality(Take(mapping.municipality()));
    residence.set_locality(Take(mapping.locality()));
    residence.set_street(Take(mapping.street()));
    residence.set_house(Take(mapping.house()));
    residence.set_apartment(Take(mapping.apartment()));
    residence.set_postcode(Take(mapping.postcode()));
    const civil::PartialDate from = TakeDate(mapping.valid_from());
    if (from.known()) Set(from, residence.mutable_valid_from());
    person->mutable_residence()->Swap(&residence);
  }

  void MakeParent(const ParentMapping& mapping, v1::Person* person) {
    v1::Parent parent;
    const std::string number = Take(mapping.identifier());
    if (!number.empty()) {
      const identifiers::Fault fault = scheme_.Examine(number);
      if (fault == identifiers::Fault::kNone) {
        parent.mutable_identifier()->set_scheme(mapping_.person().scheme());
        parent.mutable_identifier()->set_value(number);
      } else {
        Note(absl::StrCat("PARENT_", identifiers::ReasonOf(fault)),
             mapping.identifier().columns(0));
      }
    }
    v1::Name name;
    const Refused bad_name = mapping.has_name() ? MakeName(mapping.name(), &name) : Refused{};
    if (!bad_name.reason.empty()) {
      Note(bad_name.reason, bad_name.column);
    } else if (name.parts_size() > 0) {
      parent.mutable_name()->Swap(&name);
    }
    if (!parent.has_identifier() && !parent.has_name()) return;
    const civil::PartialDate birth = TakeDate(mapping.birth_date());
    if (birth.known()) Set(birth, parent.mutable_birth_date());
    const civil::PartialDate from = TakeDate(mapping.valid_from());
    if (from.known()) Set(from, parent.mutable_valid_from());
    person->add_parents()->Swap(&parent);
  }

  const Mapping& mapping_;
  const identifiers::Scheme& scheme_;
  const RowReader& reader_;
  const civil::Date today_;
  size_t row_ = 0;
  std::vector<std::string>* notes_ = nullptr;
};

// Makes the parents of those taken in agree with who is there, and puts parents before their
// children.
class Family {
 public:
  // `reports[i]` is the row of person i.
  Family(std::vector<v1::Person> people, std::vector<RowReport*> reports)
      : people_(std::move(people)), reports_(std::move(reports)) {
    for (size_t i = 0; i < people_.size(); ++i) number_[people_[i].identifier().value()] = i;
  }

  std::vector<v1::Person> InOrder() {
    for (size_t i = 0; i < people_.size(); ++i) CheckParents(i);
    state_.assign(people_.size(), kNew);
    for (size_t i = 0; i < people_.size(); ++i) Place(i);
    return std::move(ordered_);
  }

 private:
  enum State : uint8_t { kNew, kOpen, kPlaced };

  void CheckParents(size_t i) {
    v1::Person& person = people_[i];
    const civil::PartialDate birth = FromProto(person.birth().date());
    google::protobuf::RepeatedPtrField<v1::Parent> kept;
    for (v1::Parent& parent : *person.mutable_parents()) {
      absl::string_view fault;
      if (parent.has_identifier()) {
        const std::string& value = parent.identifier().value();
        const auto found = number_.find(value);
        const bool again = std::any_of(kept.begin(), kept.end(), [&](const v1::Parent& other) {
          return other.has_identifier() && other.identifier().value() == value;
        });
        if (value == person.identifier().value()) {
          fault = "PARENT_IS_CHILD";
        } else if (again) {
          fault = "PARENT_TWICE";
        } else if (found == number_.end()) {
          if (!parent.has_name()) fault = "PARENT_UNKNOWN";
        } else if (birth.known() && civil::CertainlyBefore(
                                        birth, FromProto(people_[found->second].birth().date()))) {
          // The number is wrong, or the date of who holds it; what the child's row says of the
          // parent stays.
          parent.clear_identifier();
          reports_[i]->notes.emplace_back("PARENT_BORN_LATER");
          if (!parent.has_name()) continue;
        } else {
          // The register holds the parent, so it knows the name better than the child's row.
          parent.clear_name();
          parent.clear_birth_date();
        }
      }
      if (fault.empty()) {
        kept.Add()->Swap(&parent);
      } else {
        reports_[i]->notes.emplace_back(fault);
      }
    }
    person.mutable_parents()->Swap(&kept);
  }

  // Depth first without recursion: an ancestry can be as long as the file is.
  void Place(size_t start) {
    std::vector<std::pair<size_t, int>> path;  // person, next parent to look at
    if (state_[start] == kNew) path.emplace_back(start, 0);
    while (!path.empty()) {
      const size_t i = path.back().first;
      state_[i] = kOpen;
      if (path.back().second == people_[i].parents_size()) {
        state_[i] = kPlaced;
        ordered_.push_back(std::move(people_[i]));
        path.pop_back();
        continue;
      }
      const int p = path.back().second++;
      const auto found = number_.find(people_[i].parents(p).identifier().value());
      if (found == number_.end() || state_[found->second] == kPlaced) continue;
      if (state_[found->second] == kOpen) {
        // Somebody who is his own ancestor: this link is wrong, or one before it.
        people_[i].mutable_parents()->DeleteSubrange(p, 1);
        reports_[i]->notes.emplace_back("PARENT_IS_DESCENDANT");
        --path.back().second;
        continue;
      }
      path.emplace_back(found->second, 0);
    }
  }

  std::vector<v1::Person> people_;
  std::vector<RowReport*> reports_;
  std::unordered_map<std::string, size_t> number_;
  std::vector<State> state_;
  std::vector<v1::Person> ordered_;
};

}  // namespace

absl::StatusOr<Imported> Import(const Mapping& mapping, absl::string_view input,
                                const TableFile& tables, civil::Date today) {
  EGOV_ASSIGN_OR_RETURN(const CsvTable table, CsvTable::Parse(input, mapping.dialect()));
  EGOV_ASSIGN_OR_RETURN(const RowReader reader, RowReader::Make(mapping, table, tables));
  PersonMaker maker(mapping, reader, today);
  Imported imported;
  imported.rows.resize(table.rows());
  std::vector<v1::Person> people;
  std::vector<RowReport*> reports;
  std::unordered_map<std::string, size_t> holders;
  enum { kNobody, kTaken, kRefusedPerson } above = kNobody;
  for (size_t row = 0; row < table.rows(); ++row) {
    RowReport& report = imported.rows[row];
    report.line = table.line(row);
    if (!table.complete(row)) {
      report.reason = "BAD_ROW";
      continue;
    }
    if (mapping.has_grouping() && reader.Get(mapping.grouping().label_column(), row).empty()) {
      if (above == kNobody) {
        report.reason = "NO_PERSON";
      } else {
        report.outcome = Outcome::kHistory;
        if (above == kRefusedPerson) report.notes.emplace_back("PERSON_REFUSED");
      }
      continue;
    }
    v1::Person person;
    Refused refused = maker.Make(row, &person, &report.notes);
    if (refused.reason.empty() && !holders.emplace(person.identifier().value(), row).second) {
      refused = {"SECOND_HOLDER", mapping.person().identifier().columns(0)};
    }
    if (!refused.reason.empty()) {
      report.reason = refused.reason;
      report.column = refused.column;
      report.notes.clear();
      above = kRefusedPerson;
      continue;
    }
    report.outcome = Outcome::kImported;
    above = kTaken;
    people.push_back(std::move(person));
    reports.push_back(&report);
  }
  imported.people = Family(std::move(people), std::move(reports)).InOrder();
  for (const RowReport& report : imported.rows) {
    Summary& summary = imported.summary;
    summary.imported += report.outcome == Outcome::kImported;
    summary.history += report.outcome == Outcome::kHistory;
    summary.refused += report.outcome == Outcome::kRefused;
    summary.notes += report.notes.size();
    if (report.outcome == Outcome::kRefused) ++summary.refused_by_reason[report.reason];
  }
  return imported;
}

}  // namespace egov::population::importer
