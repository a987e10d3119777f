// Reads a CallBundleRequest from its bytes. Internal to libs/exchange.
//
// By hand, because it is read before anyone is asked for a right: protobuf would make millions of
// messages of a few megabytes. Here memory is never more than the bytes that came.
#ifndef EGOV_LIBS_EXCHANGE_BUNDLE_H_
#define EGOV_LIBS_EXCHANGE_BUNDLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::exchange {

constexpr int kMaxBundle = 32;                       // calls
constexpr size_t kMaxBundledUser = size_t{8} << 10;  // bytes of an end-user assertion

// Parts of the bytes that were read.
struct BundledBytes {
  absl::string_view header, salt, end_user, message;

  size_t size() const { return header.size() + salt.size() + end_user.size() + message.size(); }
};
struct BundleBytes {
  absl::string_view method;
  std::vector<BundledBytes> calls;
};

// INVALID_ARGUMENT BAD_BUNDLE with the field.
absl::StatusOr<BundleBytes> ReadBundle(absl::string_view bytes);
absl::Status BadBundle(absl::string_view text, absl::string_view field, absl::string_view expected);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_BUNDLE_H_
