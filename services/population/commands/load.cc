#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {
namespace {

// A code of the window and whose it is to be.
struct Given {
  Code code;
  uint32_t person = 0;     // index in the window
  int32_t other = -1;      // index among the further identifiers; -1: the identifier in force
  uint64_t successor = 0;  // packed; 0: in force

  friend bool operator<(const Given& a, const Given& b) {
    if (!(a.code == b.code)) return a.code < b.code;
    return a.person != b.person ? a.person < b.person : a.other < b.other;
  }
};

absl::Status Taken(const Given& given) {
  return In(
      "people", given.person,
      IdentifierTaken(given.other < 0 ? "identifier"
                                      : absl::StrCat("other_identifiers[", given.other, "]")));
}

// Of several that are taken the first in the window is named: people look for it there.
void Earlier(const Given& given, const Given** first) {
  if (*first == nullptr || given.person < (*first)->person) *first = &given;
}

// A parent as a person of the window names them.
struct Named {
  Code code;                      // scheme 0: by name only
  uint32_t in_window = kNowhere;  // the person of the window who has the code
  bool has_name = false;

  static constexpr uint32_t kNowhere = ~0u;
};

// What Write needs of a person: their row, in Window::rows_, but for what depends on the register.
struct Row {
  size_t begin = 0;
  uint32_t size = 0;
  uint16_t parents = 0;
  bool dead = false;
};

// One window on its way in. Check looks at nothing but the window; Write and CheckNew may run more
// than once.
class Window {
 public:
  Window(Store& store, const Rules& rules) : store_(store), rules_(rules) {}

  absl::Status Check(exchange::NextPart<v1::LoadPeopleRequest> next) {
    while (const v1::LoadPeopleRequest* const part = next()) {
      const size_t count = people_.size() + part->people_size();
      if (count > kMaxLoad)
        return Bad("people", "The window holds too many people.", "at most 65536 people");
      checked_.resize(count);
      for (const v1::Person& person : part->people()) {
        absl::Status status = CheckOne(person);
        if (!status.ok()) return In("people", people_.size(), std::move(status));
        // Encoded now that they are in the processor's cache.
        Row row;
        row.begin = rows_.size();
        EGOV_RETURN_IF_ERROR(store_.EncodePerson(person, &rows_));
        row.size = static_cast<uint32_t>(rows_.size() - row.begin);
        row.parents = static_cast<uint16_t>(person.parents_size());
        row.dead = person.has_death();
        people_.push_back(row);
      }
    }
    std::sort(given_.begin(), given_.end());
    const Given* twice = nullptr;
    for (size_t i = 1; i < given_.size(); ++i) {
      if (given_[i].code == given_[i - 1].code) Earlier(given_[i], &twice);
    }
    if (twice != nullptr) return Taken(*twice);
    for (Named& parent : parents_) {
      if (parent.code.scheme == 0) continue;
      const auto own = std::lower_bound(given_.begin(), given_.end(), Given{parent.code, 0, -1, 0});
      if (own != given_.end() && own->code == parent.code) parent.in_window = own->person;
    }
    return absl::OkStatus();
  }

  absl::Status Write(storage::Transaction& transaction) {
    const uint32_t count = static_cast<uint32_t>(people_.size());
    EGOV_ASSIGN_OR_RETURN(first_, store_.TakeSurrogates(count));
    EGOV_RETURN_IF_ERROR(store_.column().WaitFor(transaction.horizon()));
    const std::shared_ptr<const VitalColumn::View> view = store_.column().view();
    std::vector<uint64_t> parents;
    ChangeRow change;
    change.kind = v1::CHANGE_KIND_LOADED;
    const Named* named = parents_.data();
    for (uint32_t i = 0; i < count; ++i) {
      const Row& row = people_[i];
      absl::Status status = FindParents(*view, i, {named, row.parents}, &parents);
      if (!status.ok()) return In("people", i, std::move(status));
      named += row.parents;
      store_.InsertPerson(transaction, first_ + i,
                          absl::string_view(rows_).substr(row.begin, row.size), parents);
      if (row.dead) {
        EGOV_RETURN_IF_ERROR(
            store_.PutDeath(transaction, first_ + i, PackDate(checked_[i].death_date)));
      }
      change.person = first_ + i;
      change.valid_from = PackDate(checked_[i].birth_date);
      change.code = checked_[i].code;
      EGOV_RETURN_IF_ERROR(store_.NoteChange(transaction, i, change));
    }
    for (const Given& given : given_) {
      EGOV_RETURN_IF_ERROR(
          store_.PutCode(transaction, given.code, {first_ + given.person, given.successor}));
    }
    EGOV_RETURN_IF_ERROR(store_.NoteGiven(transaction));
    return store_.NoteLoaded(transaction, first_, count);
  }

  // Whether all codes are new. Asks the column, which costs a hundredth of as many reads. That is
  // as exact: the read of LastGiven makes this transaction fail at its commit when another one
  // gives out codes from here on, and what was given out before is in the column. Done last, so
  // that single births seldom come between here and the commit; then the window runs again.
  absl::Status CheckNew(storage::Transaction& transaction) {
    EGOV_ASSIGN_OR_RETURN(const uint64_t horizon, store_.LastGiven(transaction));
    EGOV_RETURN_IF_ERROR(store_.column().WaitFor(horizon));
    const std::shared_ptr<const VitalColumn::View> view = store_.column().view();
    std::vector<uint64_t> codes, holders;
    const Given* taken = nullptr;
    for (size_t begin = 0; begin < given_.size();) {
      const uint16_t scheme = given_[begin].code.scheme;
      size_t end = begin;
      codes.clear();
      for (; end < given_.size() && given_[end].code.scheme == scheme; ++end)
        codes.push_back(given_[end].code.packed);
      holders.assign(codes.size(), 0);
      view->FindMany(scheme, codes, absl::MakeSpan(holders));
      for (size_t i = 0; i < holders.size(); ++i) {
        if (holders[i] != 0) Earlier(given_[begin + i], &taken);
      }
      begin = end;
    }
    return taken == nullptr ? absl::OkStatus() : Taken(*taken);
  }

  size_t size() const { return people_.size(); }

 private:
  absl::Status CheckOne(const v1::Person& person) {
    const uint32_t index = static_cast<uint32_t>(people_.size());
    CheckedPerson& checked = checked_[index];
    EGOV_RETURN_IF_ERROR(CheckPerson(rules_, person, &checked));
    given_.push_back({checked.code, index, -1, 0});
    for (int i = 0; i < person.parents_size(); ++i) {
      Named parent;
      civil::PartialDate birth;
      absl::Status status = CheckParent(rules_, person.parents(i), &parent.code, &birth);
      if (!status.ok()) return In("parents", i, std::move(status));
      parent.has_name = person.parents(i).has_name();
      parents_.push_back(parent);
    }
    if (person.other_identifiers().empty()) return absl::OkStatus();
    others_.clear();
    EGOV_RETURN_IF_ERROR(CheckOtherIdentifiers(rules_, person, checked.code, &others_));
    for (size_t i = 0; i < others_.size(); ++i) {
      const uint64_t successor = others_[i].scheme == checked.code.scheme ? checked.code.packed : 0;
      given_.push_back({others_[i], index, static_cast<int32_t>(i), successor});
    }
    return absl::OkStatus();
  }

  // Parents are looked for in the window, then among those the register holds: nobody is ever taken
  // out, so the column cannot say too much.
  absl::Status FindParents(const VitalColumn::View& view, uint32_t child,
                           absl::Span<const Named> parents, std::vector<uint64_t>* keys) const {
    keys->clear();
    for (size_t i = 0; i < parents.size(); ++i) {
      const Named& parent = parents[i];
      uint64_t key = 0;
      if (parent.code.scheme != 0) {
        key = parent.in_window != Named::kNowhere ? first_ + parent.in_window
                                                  : view.Find(parent.code);
        if (key == 0 && !parent.has_name) {
          return In(
              "parents", i,
              base::Error(
                  absl::StatusCode::kFailedPrecondition, "UNKNOWN_PARENT",
                  "Neither the register nor the window has anybody of the parent's identifier.")
                  .Field("identifier")
                  .Expected("the identifier of somebody in the register, or the parent's name "
                            "beside it"));
        }
        if (key == first_ + child ||
            (key != 0 && std::find(keys->begin(), keys->end(), key) != keys->end())) {
          return In(
              "parents", i,
              Bad("identifier", "This cannot be a parent.", "each parent once, and not the child"));
        }
      }
      keys->push_back(key);
    }
    return absl::OkStatus();
  }

  Store& store_;
  const Rules& rules_;
  uint64_t first_ = 0;
  std::vector<Row> people_;
  std::vector<CheckedPerson> checked_;
  std::vector<Named> parents_;  // of everybody, one after the other
  std::vector<Given> given_;    // ascending once checked
  std::vector<Code> others_;
  std::string rows_;  // encoded, one after the other
};

}  // namespace

exchange::LoadCommand<v1::LoadPeopleRequest, v1::LoadPeopleResponse> LoadPeople(Store& store) {
  return [&store](const exchange::Call& call, exchange::NextPart<v1::LoadPeopleRequest> next)
             -> absl::StatusOr<exchange::LoadStep<v1::LoadPeopleResponse>> {
    EGOV_ASSIGN_OR_RETURN(const Rules rules, RulesFor(store, call));
    const auto window = std::make_shared<Window>(store, rules);
    EGOV_RETURN_IF_ERROR(window->Check(next));
    return [window](storage::Transaction& transaction) -> absl::StatusOr<v1::LoadPeopleResponse> {
      v1::LoadPeopleResponse response;
      response.set_loaded(window->size());
      if (window->size() == 0) return response;
      EGOV_RETURN_IF_ERROR(window->Write(transaction));
      EGOV_RETURN_IF_ERROR(window->CheckNew(transaction));
      return response;
    };
  };
}

}  // namespace egov::population::commands
