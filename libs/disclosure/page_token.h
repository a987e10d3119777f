// Where a listing of looks goes on: a page token is a position in one subject's list, bound to that
// subject.
//
// The binding is a digest and not a secret: it finds mistakes. Who makes a token up for a subject
// gets a place in that subject's list, which they may ask for anyway.
#ifndef EGOV_LIBS_DISCLOSURE_PAGE_TOKEN_H_
#define EGOV_LIBS_DISCLOSURE_PAGE_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::disclosure::internal {

// The tail of a row's key: time (newest first) and message id.
constexpr size_t kPositionSize = 8 + 16;

// `position` has kPositionSize bytes. 66 characters of hexadecimal.
std::string MakePageToken(uint64_t subject, absl::string_view position);

// The position. INVALID_ARGUMENT BAD_PAGE_TOKEN when the token was not made by MakePageToken for
// this subject.
absl::StatusOr<std::string> ReadPageToken(uint64_t subject, absl::string_view token);

}  // namespace egov::disclosure::internal

#endif  // EGOV_LIBS_DISCLOSURE_PAGE_TOKEN_H_
