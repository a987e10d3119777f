// Answers without nonce, signed once for their second. Thread safe.
#ifndef EGOV_SERVICES_IDENTITY_OCSP_ANSWER_CACHE_H_
#define EGOV_SERVICES_IDENTITY_OCSP_ANSWER_CACHE_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace egov::identity {

class AnswerCache {
 public:
  // When an answer was made: its second, the state of the certificates, the responder's own
  // certificates. The cache holds the answers of one moment.
  using Moment = std::tuple<int64_t, uint64_t, uint64_t>;

  // Empty when there is none.
  std::string Find(const Moment& moment, absl::string_view question) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (moment != moment_) return "";
    const auto found = answers_.find(question);
    return found == answers_.end() ? "" : found->second;
  }

  // Of another moment than the newest seen, or of too many, an answer is not kept.
  void Keep(const Moment& moment, absl::string_view question, const std::string& answer) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (moment > moment_) {
      answers_.clear();
      moment_ = moment;
    }
    if (moment == moment_ && answers_.size() < kMost) answers_.emplace(question, answer);
  }

 private:
  static constexpr size_t kMost = 10000;  // about 10 MB
  std::mutex mutex_;
  Moment moment_{};
  absl::flat_hash_map<std::string, std::string> answers_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_OCSP_ANSWER_CACHE_H_
