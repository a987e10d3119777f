#include "services/population/vital_column.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "libs/base/status.h"

namespace egov::population {
namespace {

// Up to here the newest run is made anew with each group: copying so little is cheaper than another
// run to look in.
constexpr size_t kSmallRun = 1024;

}  // namespace

uint64_t VitalColumn::View::Find(Code code) const {
  const auto runs = runs_.find(code.scheme);
  if (runs == runs_.end()) return 0;
  for (const auto& run : runs->second) {
    if (const uint32_t person = run->Find(code.packed)) return person;
  }
  return 0;
}

void VitalColumn::View::FindMany(uint16_t scheme, absl::Span<const uint64_t> codes,
                                 absl::Span<uint64_t> persons) const {
  const auto runs = runs_.find(scheme);
  if (runs == runs_.end() || runs->second.empty()) return;
  runs->second.front()->FindMany(codes, persons);
  if (runs->second.size() == 1) return;
  // The largest run has nearly all; the others are asked for the rest only.
  std::vector<uint64_t> rest, found;
  std::vector<size_t> places;
  for (size_t i = 0; i < codes.size(); ++i) {
    if (persons[i] != 0 || codes[i] == 0) continue;
    rest.push_back(codes[i]);
    places.push_back(i);
  }
  found.assign(rest.size(), 0);
  for (size_t r = 1; r < runs->second.size(); ++r) {
    runs->second[r]->FindMany(rest, absl::MakeSpan(found));
  }
  for (size_t i = 0; i < rest.size(); ++i) persons[places[i]] = found[i];
}

size_t VitalColumn::View::MemoryBytes() const {
  size_t bytes = pages_.size() * sizeof(Page);
  for (const auto& runs : runs_) {
    for (const auto& run : runs.second) bytes += run->MemoryBytes();
  }
  return bytes;
}

absl::Status VitalColumn::Build(storage::Reader& reader) {
  absl::Status status;
  const storage::KeyRange all = identifiers_.All();
  EGOV_RETURN_IF_ERROR(
      reader.Scan(all.begin, all.end, [&](absl::string_view key, absl::string_view value) {
        NarrowKey narrow;
        if (!identifiers_.DecodeRowKey(key, &narrow)) {
          status = base::Error(absl::StatusCode::kDataLoss, "ROW_UNREADABLE",
                               "the narrow table holds a key that is none of its own");
          return false;
        }
        // Checked here once; what follows later was written by this very release.
        if (std::get<0>(narrow) == kVitalLane) {
          VitalRow row;
          status = vitals_.Decode(value, &row);
        } else {
          IdentifierRow row;
          status = identifiers_.Decode(value, &row);
        }
        if (status.ok()) Take(narrow, value);
        return status.ok();
      }));
  EGOV_RETURN_IF_ERROR(status);
  changed_ = true;
  Publish(reader.horizon());
  return absl::OkStatus();
}

std::shared_ptr<const VitalColumn::View> VitalColumn::view() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return view_;
}

absl::Status VitalColumn::WaitFor(uint64_t horizon) const {
  std::unique_lock<std::mutex> lock(mutex_);
  if (reached_.wait_for(lock, std::chrono::seconds(5), [&] { return horizon_ >= horizon; })) {
    return absl::OkStatus();
  }
  return base::Error(absl::StatusCode::kUnavailable, "COLUMN_BEHIND",
                     "the register is catching up with its own changes")
      .RetryAfter(absl::Seconds(1));
}

uint64_t VitalColumn::Successor(Code code) const {
  if (code.scheme >= kSchemeLimit) return 0;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = successors_[code.scheme].find(code.packed);
  return found == successors_[code.scheme].end() ? 0 : found->second;
}

void VitalColumn::OnCommitted(uint64_t, absl::string_view key,
                              absl::optional<absl::string_view> value) {
  NarrowKey narrow;
  if (!identifiers_.DecodeRowKey(key, &narrow)) return;
  if (value) {
    Take(narrow, *value);
  } else if (std::get<0>(narrow) == kVitalLane) {
    Word(std::get<1>(narrow)) &= ~(Vital::kDead | Vital::kDateMask);
    changed_ = true;
  }
}

void VitalColumn::OnHorizon(uint64_t horizon) { Publish(horizon); }

void VitalColumn::Take(const NarrowKey& key, absl::string_view value) {
  changed_ = true;
  if (std::get<0>(key) == kVitalLane) {
    VitalRow row;
    if (!vitals_.Decode(value, &row).ok()) return;
    uint32_t& word = Word(std::get<1>(key));
    word = (word & ~Vital::kDateMask) | Vital::kDead | row.death_date;
    return;
  }
  IdentifierRow row;
  if (!identifiers_.Decode(value, &row).ok()) return;
  const Code code{std::get<0>(key), std::get<1>(key)};
  uint32_t& word = Word(row.person);
  word |= Vital::kKnown;
  if (row.successor != 0) {
    word |= Vital::kSuperseded;
    std::lock_guard<std::mutex> lock(mutex_);
    successors_[code.scheme][code.packed] = row.successor;
  }
  // A row that was only marked as superseded comes again; equal codes fall together in the run.
  pending_[code.scheme].emplace_back(code.packed, static_cast<uint32_t>(row.person));
}

uint32_t& VitalColumn::Word(uint64_t person) {
  const size_t page = person / kPage;
  while (pages_.size() <= page) {
    pages_.push_back(std::make_shared<Page>());
    pages_.back()->fill(0);
    own_.push_back(true);
  }
  if (!own_[page]) {
    pages_[page] = std::make_shared<Page>(*pages_[page]);
    own_[page] = true;
  }
  return (*pages_[page])[person % kPage];
}

void VitalColumn::AddPending(Runs* runs, std::vector<CodeRun::Entry>* pending) {
  if (!std::is_sorted(pending->begin(), pending->end()))
    std::sort(pending->begin(), pending->end());
  runs->push_back(CodeRun::Build(*pending));
  pending->clear();
  if (pending->capacity() > 4 * kSmallRun) pending->shrink_to_fit();
  // A run is merged into the one before unless that is much larger: each code is merged a few times
  // in all, and all but a few are in the largest run.
  while (runs->size() >= 2) {
    const CodeRun& last = *runs->back();
    const CodeRun& before = *(*runs)[runs->size() - 2];
    if (before.size() > 16 * last.size() && before.size() > kSmallRun) break;
    std::shared_ptr<const CodeRun> merged = CodeRun::Merge(before, last);
    runs->pop_back();
    runs->back() = std::move(merged);
  }
}

void VitalColumn::Publish(uint64_t horizon) {
  std::shared_ptr<View> next;
  if (changed_) {
    for (auto& pending : pending_) {
      if (!pending.second.empty()) AddPending(&runs_[pending.first], &pending.second);
    }
    next = std::make_shared<View>();
    next->runs_ = runs_;
    next->pages_ = pages_;
    own_.assign(pages_.size(), false);
    changed_ = false;
  }
  std::shared_ptr<const View> previous;  // freed outside of the lock
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (next != nullptr) {
      previous = std::move(view_);
      view_ = std::move(next);
    }
    horizon_ = horizon;
  }
  reached_.notify_all();
}

}  // namespace egov::population
