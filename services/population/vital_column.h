// The resident column behind mass look-ups: for every code its holder, for every person whether and
// when they died.
//
// It is built at start from the narrow table (store.h) and then follows the commits. Readers take a
// View, an immutable state of one moment that costs nothing to keep for a while; the committer
// publishes the next state without waiting for them. New codes join a small sorted run that is
// merged into larger ones as it grows, so that single births and windows of 65,536 people are both
// cheap; deaths copy a page of 4,096 people.
//
// Memory: about 20 bytes a person. Thread safety: any thread; Build before the first commit.
#ifndef EGOV_SERVICES_POPULATION_VITAL_COLUMN_H_
#define EGOV_SERVICES_POPULATION_VITAL_COLUMN_H_

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/civil/date.h"
#include "libs/storage/store.h"
#include "services/population/code_run.h"
#include "services/population/narrow.h"
#include "services/population/schemes.h"

namespace egov::population {

// What the column knows of a person: one word.
class Vital {
 public:
  Vital() = default;  // nobody
  explicit Vital(uint32_t word) : word_(word) {}

  bool known() const { return word_ & kKnown; }
  bool dead() const { return word_ & kDead; }
  bool has_superseded() const {
    return word_ & kSuperseded;
  }  // some identifier of theirs was replaced
  civil::PartialDate death_date() const { return UnpackDate(word_ & kDateMask); }
  uint32_t word() const { return word_; }

  static constexpr uint32_t kKnown = 1u << 31;
  static constexpr uint32_t kSuperseded = 1u << 30;
  static constexpr uint32_t kDead = 1u << 29;
  static constexpr uint32_t kDateMask = kDead - 1;

 private:
  uint32_t word_ = 0;
};

class VitalColumn final : public storage::Follower {
 private:
  static constexpr size_t kPage = 4096;
  using Page = std::array<uint32_t, kPage>;
  using Runs = std::vector<std::shared_ptr<const CodeRun>>;  // largest first

 public:
  // One moment. Thread safe.
  class View {
   public:
    // The holder of a code, or 0.
    uint64_t Find(Code code) const;
    // Sets persons[i] for those of codes[i] that have a holder; leaves the others.
    void FindMany(uint16_t scheme, absl::Span<const uint64_t> codes,
                  absl::Span<uint64_t> persons) const;

    Vital Get(uint64_t person) const {
      return person < pages_.size() * kPage ? Vital((*pages_[person / kPage])[person % kPage])
                                            : Vital();
    }
    // Fetches ahead what Get will read.
    void Prefetch(uint64_t person) const {
      if (person < pages_.size() * kPage)
        __builtin_prefetch(&(*pages_[person / kPage])[person % kPage]);
    }

    size_t MemoryBytes() const;

   private:
    friend class VitalColumn;
    std::map<uint16_t, Runs> runs_;
    std::vector<std::shared_ptr<Page>> pages_;
  };

  // Reads everything once. Cost: about 0.3 us a row.
  absl::Status Build(storage::Reader& reader);

  std::shared_ptr<const View> view() const;

  // Waits until the column has seen every position below `horizon`, which is normally so before
  // anybody asks; UNAVAILABLE COLUMN_BEHIND after five seconds.
  absl::Status WaitFor(uint64_t horizon) const;

  // The code in force in place of a superseded one; 0 when it is in force itself. May be newer than
  // a view, never older.
  uint64_t Successor(Code code) const;

  // storage::Follower, of the narrow table.
  void OnCommitted(uint64_t position, absl::string_view key,
                   absl::optional<absl::string_view> value) override;
  void OnHorizon(uint64_t horizon) override;

 private:
  void Take(const NarrowKey& key, absl::string_view row);
  uint32_t& Word(uint64_t person);  // of a page of our own
  void AddPending(Runs* runs, std::vector<CodeRun::Entry>* pending);
  void Publish(uint64_t horizon);

  const IdentifierTable identifiers_{kNarrowTable};
  const VitalTable vitals_{kNarrowTable};

  // The committer's.
  std::map<uint16_t, std::vector<CodeRun::Entry>> pending_;
  std::map<uint16_t, Runs> runs_;
  std::vector<std::shared_ptr<Page>> pages_;
  std::vector<bool> own_;  // pages that no view has
  bool changed_ = false;

  mutable std::mutex mutex_;
  mutable std::condition_variable reached_;
  std::shared_ptr<const View> view_;                                  // guarded by mutex_
  uint64_t horizon_ = 0;                                              // guarded by mutex_
  absl::flat_hash_map<uint64_t, uint64_t> successors_[kSchemeLimit];  // guarded by mutex_
};

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_VITAL_COLUMN_H_
