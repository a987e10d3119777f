// Who looked at my data: a usage entry for every subject of every disclosure, mass queries
// included.
//
// An entry names only the exchange (message id); agency, purpose, basis and items are in its sealed
// header in the log, so nothing is kept twice. A few subjects are rows (person, newest first). Many
// at once are blocks by (range of people, newest first, exchange), exact, sealed with AES-256-GCM
// under the key of their retention month because they are lists of, say, pensioners; destroying the
// month's key file destroys them.
//
// Thread safety: any thread. Cost: about 1 µs a row; 500,000 people of a nation of a million about
// 120 rows of 1 KiB.
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
  // `key_directory` holds one key file a month, made when first needed, mode 0600.
  static absl::StatusOr<std::unique_ptr<Usage>> Open(std::string key_directory);
  virtual ~Usage() = default;

  // Notes that `message_id` disclosed something about `subjects` (any order, repeats and 0 are
  // passed over), within the transaction of the disclosure. Over 100 subjects become blocks.
  virtual absl::Status Note(storage::Transaction& transaction, int64_t received_micros,
                            absl::string_view message_id,
                            absl::Span<const SubjectKey> subjects) = 0;

  // The disclosures of one subject, newest first. INVALID_ARGUMENT BAD_PAGE_TOKEN.
  virtual absl::StatusOr<LookPage> Find(storage::Reader& reader, SubjectKey subject, int page_size,
                                        absl::string_view page_token) = 0;

  // Destroys the key of a month ("2026-11"): its mass entries can never be read again.
  virtual absl::Status Forget(absl::string_view month) = 0;
};

}  // namespace egov::disclosure

#endif  // EGOV_LIBS_DISCLOSURE_USAGE_H_
