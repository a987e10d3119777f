// Who looked at my data: a usage entry for every subject of every disclosure, mass queries
// included.
//
// An entry names only the exchange (message id); agency, purpose, basis and items are in its sealed
// header in the log, so nothing is kept twice. A few subjects are rows (person, newest first). Many
// at once are blocks by (range of people, newest first, exchange), exact, sealed with AES-256-GCM
// under the key of their retention month because they are lists of, say, pensioners; destroying the
// month's key file destroys them.
//
// Tables 0x0030 (rows: subject, newest first, message id) and 0x0031 (blocks: range of 8,192
// people, newest first, message id). What a look at the store alone still tells of a mass query:
// which ranges it touched, and by the length of a block about how many people of a range were asked
// about.
//
// Thread safety: any thread. Cost: Note about 1 us a row; 500,000 people of a nation of a million
// 123 blocks of at most 1 KiB. Find one short scan, about 2 us for each mass query about the
// person's range.
#ifndef EGOV_LIBS_DISCLOSURE_USAGE_H_
#define EGOV_LIBS_DISCLOSURE_USAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/storage/store.h"

namespace egov::disclosure {

// A register's own key of a person (or company): dense, never 0.
using SubjectKey = uint64_t;

// One disclosure of one subject.
struct Look {
  int64_t received_micros = 0;
  std::string message_id;  // 16 bytes
  bool mass_query = false;
};

struct LookPage {
  std::vector<Look> looks;      // newest first
  std::string next_page_token;  // empty on the last page
};

class Usage {
 public:
  static constexpr size_t kMostRows = 100;   // more subjects than this become blocks
  static constexpr int kBlocksAPage = 4096;  // looked into by one Find
  static constexpr int kLargestPage = 1000;

  // `key_directory` (made when missing, 0700) holds one key file a month, `YYYY-MM.key`, 0600, made
  // when first needed and durable before its first use. It is kept and backed up apart from the
  // store: that is what makes Forget final. UNAVAILABLE KEY_DIRECTORY.
  static absl::StatusOr<std::unique_ptr<Usage>> Open(std::string key_directory);
  virtual ~Usage() = default;

  // Notes that `message_id` disclosed something about `subjects` (any order, repeats and 0 are
  // passed over), within the transaction of the disclosure. Over 100 subjects become blocks.
  virtual absl::Status Note(storage::Transaction& transaction, int64_t received_micros,
                            absl::string_view message_id,
                            absl::Span<const SubjectKey> subjects) = 0;

  // The disclosures of one subject, newest first. `page_size` 0 is 100, at most kLargestPage. A
  // page may be short, even empty, and not the last: it ends after kBlocksAPage blocks. What was
  // sealed in a month whose key is gone is passed over in silence. INVALID_ARGUMENT BAD_PAGE_TOKEN
  // (malformed, or given for another subject); DATA_LOSS NOT_AUTHENTIC (a block was changed),
  // BLOCK_UNREADABLE, BAD_KEY_FILE.
  virtual absl::StatusOr<LookPage> Find(storage::Reader& reader, SubjectKey subject, int page_size,
                                        absl::string_view page_token) = 0;

  // Destroys the key of a month ("2026-11"): its mass entries can never be read again, and none can
  // be added; its rows stay. Again is fine. INVALID_ARGUMENT BAD_MONTH, NOT_FOUND UNKNOWN_MONTH,
  // UNAVAILABLE KEY_DIRECTORY.
  virtual absl::Status Forget(absl::string_view month) = 0;
};

}  // namespace egov::disclosure

#endif  // EGOV_LIBS_DISCLOSURE_USAGE_H_
