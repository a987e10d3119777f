#include "libs/disclosure/usage.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/types/optional.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/disclosure/month_keys.h"
#include "libs/disclosure/page_token.h"
#include "libs/disclosure/usage_block.h"
#include "libs/storage/keys.h"

namespace egov::disclosure {
namespace {

using internal::kBitmapWords;
using internal::kPositionSize;
using internal::kRange;
using internal::kRangeBits;

constexpr uint16_t kRows = 0x0030;
constexpr uint16_t kBlocks = 0x0031;
constexpr size_t kPrefixSize = 2 + 8;
constexpr int kDefaultPage = 100;

// Table id and subject, or range.
std::string Prefix(uint16_t table, uint64_t number) {
  std::string key;
  key.reserve(kPrefixSize + kPositionSize);
  base::AppendU16(table, &key);
  base::AppendU64(number, &key);
  return key;
}

// Orders the newest first.
std::string Position(int64_t received_micros, absl::string_view message_id) {
  std::string position;
  base::AppendU64(~static_cast<uint64_t>(received_micros), &position);
  position.append(message_id.data(), message_id.size());
  return position;
}

int64_t ReceivedOf(absl::string_view position) {
  return static_cast<int64_t>(~base::ReadU64(position));
}

struct Found {
  std::string position;
  bool mass_query;
  bool operator<(const Found& other) const { return position < other.position; }
};

class StoredUsage final : public Usage {
 public:
  explicit StoredUsage(std::unique_ptr<internal::MonthKeys> keys) : keys_(std::move(keys)) {}

  absl::Status Note(storage::Transaction& transaction, int64_t received_micros,
                    absl::string_view message_id, absl::Span<const SubjectKey> subjects) override;
  absl::StatusOr<LookPage> Find(storage::Reader& reader, SubjectKey subject, int page_size,
                                absl::string_view page_token) override;
  absl::Status Forget(absl::string_view month) override { return keys_->Forget(month); }

 private:
  static void NoteRows(storage::Transaction& transaction, absl::string_view position,
                       absl::Span<const SubjectKey> distinct);
  // Writes one block under a key of the month of `position`.
  static void NoteBlock(storage::Transaction& transaction, absl::string_view position,
                        uint64_t range, const uint64_t* bitmap, const pki::AesGcm& key);
  absl::Status NoteDense(storage::Transaction& transaction, absl::string_view position,
                         absl::Span<const SubjectKey> subjects, SubjectKey largest);
  absl::Status NoteSorted(storage::Transaction& transaction, absl::string_view position,
                          absl::Span<const SubjectKey> subjects);

  absl::Status FindRows(storage::Reader& reader, SubjectKey subject, size_t most,
                        absl::string_view after, std::vector<Found>* found) const;
  // `boundary`: where it stopped because it had looked into kBlocksAPage; empty when it did not.
  absl::Status FindBlocks(storage::Reader& reader, SubjectKey subject, size_t most,
                          absl::string_view after, std::vector<Found>* found,
                          std::string* boundary) const;

  const std::unique_ptr<internal::MonthKeys> keys_;
};

void StoredUsage::NoteRows(storage::Transaction& transaction, absl::string_view position,
                           absl::Span<const SubjectKey> distinct) {
  for (const SubjectKey subject : distinct) {
    std::string key = Prefix(kRows, subject);
    key.append(position.data(), position.size());
    transaction.Put(key, "");
  }
}

void StoredUsage::NoteBlock(storage::Transaction& transaction, absl::string_view position,
                            uint64_t range, const uint64_t* bitmap, const pki::AesGcm& key) {
  std::string row = Prefix(kBlocks, range);
  row.append(position.data(), position.size());
  transaction.Put(row, key.Seal(internal::EncodeBlock(bitmap), row));
}

absl::Status StoredUsage::Note(storage::Transaction& transaction, int64_t received_micros,
                               absl::string_view message_id,
                               absl::Span<const SubjectKey> subjects) {
  if (message_id.size() != 16) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_MESSAGE_ID",
                       "a message id has 16 bytes");
  }
  if (received_micros < 0)
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_TIME", "a time before 1970");
  const std::string position = Position(received_micros, message_id);

  if (subjects.size() <= kMostRows) {
    SubjectKey few[kMostRows];
    SubjectKey* end = std::copy_if(subjects.begin(), subjects.end(), few,
                                   [](SubjectKey subject) { return subject != 0; });
    std::sort(few, end);
    end = std::unique(few, end);
    NoteRows(transaction, position, absl::MakeConstSpan(few, end - few));
    return absl::OkStatus();
  }
  const SubjectKey largest = *std::max_element(subjects.begin(), subjects.end());
  // A bitmap of everybody up to the largest, as long as it is not much larger than the list itself:
  // then nothing needs to be sorted.
  return largest / 8 <= 16 * subjects.size() ? NoteDense(transaction, position, subjects, largest)
                                             : NoteSorted(transaction, position, subjects);
}

absl::Status StoredUsage::NoteDense(storage::Transaction& transaction, absl::string_view position,
                                    absl::Span<const SubjectKey> subjects, SubjectKey largest) {
  const size_t ranges = (largest >> kRangeBits) + 1;
  std::vector<uint64_t> bitmap(ranges * kBitmapWords);
  for (const SubjectKey subject : subjects) bitmap[subject / 64] |= uint64_t{1} << (subject % 64);
  bitmap[0] &= ~uint64_t{1};
  size_t distinct = 0;
  for (const uint64_t word : bitmap) distinct += __builtin_popcountll(word);
  if (distinct <= kMostRows) {
    std::vector<SubjectKey> few;
    for (size_t w = 0; w < bitmap.size(); ++w) {
      for (uint64_t rest = bitmap[w]; rest != 0; rest &= rest - 1)
        few.push_back(w * 64 + __builtin_ctzll(rest));
    }
    NoteRows(transaction, position, few);
    return absl::OkStatus();
  }
  EGOV_ASSIGN_OR_RETURN(const auto key, keys_->ForSealing(internal::MonthOf(ReceivedOf(position))));
  for (size_t range = 0; range < ranges; ++range) {
    const uint64_t* words = &bitmap[range * kBitmapWords];
    if (std::any_of(words, words + kBitmapWords, [](uint64_t word) { return word != 0; }))
      NoteBlock(transaction, position, range, words, *key);
  }
  return absl::OkStatus();
}

absl::Status StoredUsage::NoteSorted(storage::Transaction& transaction, absl::string_view position,
                                     absl::Span<const SubjectKey> subjects) {
  std::vector<SubjectKey> sorted;
  if (!std::is_sorted(subjects.begin(), subjects.end())) {
    sorted.assign(subjects.begin(), subjects.end());
    std::sort(sorted.begin(), sorted.end());
    subjects = sorted;
  }
  size_t distinct = 0;
  SubjectKey last = 0;
  for (const SubjectKey subject : subjects) {
    distinct += subject != last;
    last = subject;
  }
  if (distinct <= kMostRows) {
    std::vector<SubjectKey> few;
    std::unique_copy(subjects.begin(), subjects.end(), std::back_inserter(few));
    if (few.front() == 0) few.erase(few.begin());
    NoteRows(transaction, position, few);
    return absl::OkStatus();
  }
  EGOV_ASSIGN_OR_RETURN(const auto key, keys_->ForSealing(internal::MonthOf(ReceivedOf(position))));
  size_t at = 0;
  while (at < subjects.size() && subjects[at] == 0) ++at;
  while (at < subjects.size()) {
    const uint64_t range = subjects[at] >> kRangeBits;
    uint64_t bitmap[kBitmapWords] = {};
    for (; at < subjects.size() && subjects[at] >> kRangeBits == range; ++at) {
      const uint64_t low = subjects[at] & (kRange - 1);
      bitmap[low / 64] |= uint64_t{1} << (low % 64);
    }
    NoteBlock(transaction, position, range, bitmap, *key);
  }
  return absl::OkStatus();
}

// The first key after `after`, or of the prefix.
std::string BeginAfter(std::string prefix, absl::string_view after) {
  if (after.empty()) return prefix;
  prefix.append(after.data(), after.size());
  prefix.push_back('\0');
  return prefix;
}

absl::Status Unreadable() {
  return base::Error(absl::StatusCode::kDataLoss, "BLOCK_UNREADABLE",
                     "a row of the usage is not in its format");
}

absl::Status StoredUsage::FindRows(storage::Reader& reader, SubjectKey subject, size_t most,
                                   absl::string_view after, std::vector<Found>* found) const {
  const std::string prefix = Prefix(kRows, subject);
  bool readable = true;
  EGOV_RETURN_IF_ERROR(
      reader.Scan(BeginAfter(prefix, after), storage::AfterPrefix(prefix),
                  [&](absl::string_view key, absl::string_view) {
                    readable = key.size() == kPrefixSize + kPositionSize;
                    if (!readable) return false;
                    found->push_back({std::string(key.substr(kPrefixSize)), false});
                    return found->size() < most;
                  }));
  return readable ? absl::OkStatus() : Unreadable();
}

absl::Status StoredUsage::FindBlocks(storage::Reader& reader, SubjectKey subject, size_t most,
                                     absl::string_view after, std::vector<Found>* found,
                                     std::string* boundary) const {
  const std::string prefix = Prefix(kBlocks, subject >> kRangeBits);
  const uint32_t low = static_cast<uint32_t>(subject & (kRange - 1));
  // The month that the scan is in; no opener: its key is gone.
  int64_t month_begins = 0, month_ends = 0;
  absl::optional<pki::AesGcm::Opener> opener;
  const auto enter_month = [&](int64_t received) -> absl::Status {
    if (received >= month_begins && received < month_ends) return absl::OkStatus();
    const int32_t month = internal::MonthOf(received);
    month_begins = internal::BeginOf(month);
    month_ends = internal::BeginOf(month + 1);
    EGOV_ASSIGN_OR_RETURN(const auto key, keys_->ForReading(month));
    opener.reset();
    if (key != nullptr) opener.emplace(*key);
    return absl::OkStatus();
  };
  const auto look = [&](absl::string_view key, absl::string_view value) -> absl::Status {
    if (key.size() != kPrefixSize + kPositionSize) return Unreadable();
    const absl::string_view position = key.substr(kPrefixSize);
    EGOV_RETURN_IF_ERROR(enter_month(ReceivedOf(position)));
    if (!opener) return absl::OkStatus();
    EGOV_ASSIGN_OR_RETURN(const absl::string_view block, opener->Open(value, key));
    const absl::optional<bool> has = internal::BlockHas(block, low);
    if (!has) return Unreadable();
    if (*has) found->push_back({std::string(position), true});
    return absl::OkStatus();
  };
  int blocks = 0;
  absl::Status status;
  const auto visit = [&](absl::string_view key, absl::string_view value) {
    status = look(key, value);
    if (!status.ok() || found->size() == most) return false;
    if (++blocks < kBlocksAPage) return true;
    boundary->assign(key.data() + kPrefixSize, kPositionSize);
    return false;
  };
  EGOV_RETURN_IF_ERROR(reader.Scan(BeginAfter(prefix, after), storage::AfterPrefix(prefix), visit));
  return status;
}

absl::StatusOr<LookPage> StoredUsage::Find(storage::Reader& reader, SubjectKey subject,
                                           int page_size, absl::string_view page_token) {
  std::string after;
  if (!page_token.empty()) {
    EGOV_ASSIGN_OR_RETURN(after, internal::ReadPageToken(subject, page_token));
  }
  LookPage page;
  if (subject == 0) return page;
  const size_t size = page_size <= 0 ? kDefaultPage : std::min<int>(page_size, kLargestPage);

  // One more of each than fits, to know whether there is a next page.
  std::vector<Found> rows, blocks, found;
  std::string boundary;
  EGOV_RETURN_IF_ERROR(FindRows(reader, subject, size + 1, after, &rows));
  EGOV_RETURN_IF_ERROR(FindBlocks(reader, subject, size + 1, after, &blocks, &boundary));
  std::merge(rows.begin(), rows.end(), blocks.begin(), blocks.end(), std::back_inserter(found));
  if (!boundary.empty()) {
    // Older rows wait for the blocks that were not looked into.
    while (!found.empty() && found.back().position > boundary) found.pop_back();
  }
  if (found.size() > size) {
    found.resize(size);
    page.next_page_token = internal::MakePageToken(subject, found.back().position);
  } else if (!boundary.empty()) {
    page.next_page_token = internal::MakePageToken(subject, boundary);
  }
  page.looks.reserve(found.size());
  for (const Found& one : found)
    page.looks.push_back({ReceivedOf(one.position), one.position.substr(8), one.mass_query});
  return page;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Usage>> Usage::Open(std::string key_directory) {
  EGOV_ASSIGN_OR_RETURN(auto keys, internal::MonthKeys::Open(std::move(key_directory)));
  return std::unique_ptr<Usage>(new StoredUsage(std::move(keys)));
}

}  // namespace egov::disclosure
