#include "libs/access/rights.h"

#include <algorithm>

#include "libs/civil/date.h"

namespace egov::access {
namespace {

// Rows were checked when they were granted.
int64_t DayOr(const egov::civil::v1::PartialDate& date, int64_t otherwise) {
  const auto day = civil::Date::Of(date.year(), date.month(), date.day());
  return day.ok() ? day->DaysSinceEpoch() : otherwise;
}

}  // namespace

bool HeldRight::Covers(absl::Span<const std::string> asked) const {
  // One walk over both lists when `asked` is sorted, a search for what is not in order.
  auto at = items.begin();
  for (const std::string& item : asked) {
    while (at != items.end() && *at < item) ++at;
    if (at != items.end() && *at == item) continue;
    if (!std::binary_search(items.begin(), items.end(), item)) return false;
  }
  return true;
}

void RightsTable::Add(const egov::access::v1::Right& right) {
  if (by_id_.contains(right.id())) return;
  auto held = std::make_shared<HeldRight>();
  held->id = right.id();
  held->purpose = right.purpose();
  held->items.assign(right.items().begin(), right.items().end());
  std::sort(held->items.begin(), held->items.end());
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  // A beginning that cannot be read never comes.
  held->first_day = DayOr(right.valid_from(), kNever);
  held->last_day = right.has_valid_to() ? DayOr(right.valid_to(), -kNever) : kNever;
  held->calls_per_day = right.calls_per_day();
  held->codes_per_day = right.codes_per_day();
  held->time_stamp_required = right.time_stamp_required();
  Key key{right.subsystem(), right.service(), right.method()};
  Rights& rights = by_method_[key];
  rights.insert(std::upper_bound(rights.begin(), rights.end(), held,
                                 [](const auto& a, const auto& b) { return a->id < b->id; }),
                held);
  by_id_.emplace(right.id(), std::make_pair(std::move(key), std::move(held)));
}

std::shared_ptr<HeldRight> RightsTable::Remove(absl::string_view id) {
  const auto place = by_id_.find(id);
  if (place == by_id_.end()) return nullptr;
  std::shared_ptr<HeldRight> held = std::move(place->second.second);
  const auto list = by_method_.find(place->second.first);
  Rights& rights = list->second;
  rights.erase(std::remove(rights.begin(), rights.end(), held), rights.end());
  if (rights.empty()) by_method_.erase(list);
  by_id_.erase(place);
  return held;
}

const RightsTable::Rights* RightsTable::Find(absl::string_view caller, absl::string_view service,
                                             absl::string_view method) const {
  const auto place = by_method_.find(KeyView{caller, service, method});
  return place == by_method_.end() ? nullptr : &place->second;
}

std::shared_ptr<HeldRight> RightsTable::FindById(absl::string_view id) const {
  const auto place = by_id_.find(id);
  return place == by_id_.end() ? nullptr : place->second.second;
}

}  // namespace egov::access
