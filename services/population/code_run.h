// A sorted set of codes with the person of each, made for looking up half a million at once.
#ifndef EGOV_SERVICES_POPULATION_CODE_RUN_H_
#define EGOV_SERVICES_POPULATION_CODE_RUN_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace egov::population {

// Immutable once built; thread safe. Codes are below 2^40 (identifiers::Scheme), persons below
// 2^32.
//
// Codes fall into buckets by their high bits; an entry is the low 32 bits of its code and the
// person, in one word, sorted within the bucket. A look-up is a bucket's bounds, then a few words
// of one or two cache lines. Memory: 8 bytes an entry and 4 to 8 for the buckets.
class CodeRun {
 public:
  using Entry = std::pair<uint64_t, uint32_t>;  // code, person

  // `entries` ascend by code; of equal codes the last one counts.
  static std::shared_ptr<const CodeRun> Build(absl::Span<const Entry> entries);
  // All entries of both; of equal codes that of `newer`.
  static std::shared_ptr<const CodeRun> Merge(const CodeRun& older, const CodeRun& newer);

  size_t size() const { return words_.size(); }
  size_t MemoryBytes() const { return words_.capacity() * 8 + starts_.capacity() * 4; }

  // The person of a code, or 0.
  uint32_t Find(uint64_t code) const;

  // Sets persons[i] for each codes[i] that is here; leaves the others. Any order; fetches memory
  // ahead, so that the cost is that of bandwidth and not of latency.
  void FindMany(absl::Span<const uint64_t> codes, absl::Span<uint64_t> persons) const;

  // All entries, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t bucket = 0; bucket + 1 < starts_.size(); ++bucket) {
      const uint64_t high = (static_cast<uint64_t>(bucket) << shift_) & ~0xffffffffull;
      for (uint32_t i = starts_[bucket]; i < starts_[bucket + 1]; ++i) {
        visit(first_ + (high | words_[i] >> 32), static_cast<uint32_t>(words_[i]));
      }
    }
  }

 private:
  // Appends ascending entries to a run under construction.
  class Builder;

  uint32_t Search(uint32_t low, uint32_t high, uint64_t relative) const;

  uint64_t first_ = 0;
  uint64_t last_ = 0;
  int shift_ = 0;
  std::vector<uint32_t> starts_;  // of each bucket, and the end
  std::vector<uint64_t> words_;
};

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_CODE_RUN_H_
