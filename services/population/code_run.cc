#include "services/population/code_run.h"

#include <algorithm>

namespace egov::population {

class CodeRun::Builder {
 public:
  Builder(uint64_t first, uint64_t last, size_t at_most) : run_(std::make_shared<CodeRun>()) {
    run_->first_ = first;
    run_->last_ = last;
    // Bits above 32 are told by the bucket alone, so a bucket spans at most 2^32.
    const uint64_t buckets = std::max<uint64_t>(2 * at_most, 1);
    while ((last - first) >> run_->shift_ >= buckets && run_->shift_ < 32) ++run_->shift_;
    run_->starts_.reserve(((last - first) >> run_->shift_) + 2);
    run_->words_.reserve(at_most);
  }

  void Add(uint64_t code, uint32_t person) {
    const uint64_t relative = code - run_->first_;
    const uint64_t word = relative << 32 | person;
    if (code == previous_ && !run_->words_.empty()) {
      run_->words_.back() = word;
      return;
    }
    previous_ = code;
    const uint64_t bucket = relative >> run_->shift_;
    while (run_->starts_.size() <= bucket) {
      run_->starts_.push_back(static_cast<uint32_t>(run_->words_.size()));
    }
    run_->words_.push_back(word);
  }

  std::shared_ptr<const CodeRun> Finish() {
    run_->starts_.push_back(static_cast<uint32_t>(run_->words_.size()));
    return std::move(run_);
  }

 private:
  std::shared_ptr<CodeRun> run_;
  uint64_t previous_ = 0;
};

std::shared_ptr<const CodeRun> CodeRun::Build(absl::Span<const Entry> entries) {
  if (entries.empty()) return std::make_shared<CodeRun>();
  Builder builder(entries.front().first, entries.back().first, entries.size());
  for (const Entry& entry : entries) builder.Add(entry.first, entry.second);
  return builder.Finish();
}

std::shared_ptr<const CodeRun> CodeRun::Merge(const CodeRun& older, const CodeRun& newer) {
  std::vector<Entry> few;
  few.reserve(newer.size());
  newer.ForEach([&](uint64_t code, uint32_t person) { few.emplace_back(code, person); });
  if (older.size() == 0) return Build(few);
  if (few.empty()) few.emplace_back(older.last_, older.Find(older.last_));
  Builder builder(std::min(older.first_, few.front().first),
                  std::max(older.last_, few.back().first), older.size() + few.size());
  auto next = few.begin();
  older.ForEach([&](uint64_t code, uint32_t person) {
    for (; next != few.end() && next->first < code; ++next) builder.Add(next->first, next->second);
    builder.Add(code, person);
  });
  // What is equal to an older entry comes right after it, or here, and replaces it.
  for (; next != few.end(); ++next) builder.Add(next->first, next->second);
  return builder.Finish();
}

uint32_t CodeRun::Search(uint32_t low, uint32_t high, uint64_t relative) const {
  const uint64_t wanted = relative << 32;
  const uint64_t* at = words_.data() + low;
  uint32_t count = high - low;
  if (count == 0) return 0;
  while (count > 1) {
    const uint32_t half = count / 2;
    at +=
        at[half] <= (wanted | 0xffffffffu) ? half : 0;  // without a branch: nobody could predict it
    count -= half;
  }
  if (*at >> 32 == wanted >> 32) return static_cast<uint32_t>(*at);
  return 0;
}

uint32_t CodeRun::Find(uint64_t code) const {
  if (words_.empty() || code < first_ || code > last_) return 0;
  const uint64_t relative = code - first_;
  const uint64_t bucket = relative >> shift_;
  return Search(starts_[bucket], starts_[bucket + 1], relative);
}

void CodeRun::FindMany(absl::Span<const uint64_t> codes, absl::Span<uint64_t> persons) const {
  if (words_.empty()) return;
  constexpr size_t kBatch = 32;
  uint32_t low[kBatch], high[kBatch];
  uint64_t relative[kBatch];
  size_t place[kBatch];
  for (size_t i = 0; i < codes.size();) {
    size_t count = 0;
    for (; count < kBatch && i < codes.size(); ++i) {
      if (codes[i] < first_ || codes[i] > last_) continue;
      relative[count] = codes[i] - first_;
      place[count] = i;
      __builtin_prefetch(&starts_[relative[count] >> shift_]);
      ++count;
    }
    for (size_t k = 0; k < count; ++k) {
      const uint64_t bucket = relative[k] >> shift_;
      low[k] = starts_[bucket];
      high[k] = starts_[bucket + 1];
      __builtin_prefetch(words_.data() + low[k]);
      __builtin_prefetch(words_.data() + (low[k] + high[k]) / 2);
    }
    for (size_t k = 0; k < count; ++k) {
      if (const uint32_t person = Search(low[k], high[k], relative[k])) persons[place[k]] = person;
    }
  }
}

}  // namespace egov::population
