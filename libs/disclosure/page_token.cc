#include "libs/disclosure/page_token.h"

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/pki/sha256.h"

namespace egov::disclosure::internal {
namespace {

constexpr char kVersion = 1;
constexpr size_t kCheckSize = 8;

std::string WithCheck(uint64_t subject, std::string body) {
  std::string number;
  base::AppendU64(subject, &number);
  const pki::Digest digest = pki::Sha256Of({"egov.disclosure.v1.page", number, body});
  body.append(pki::AsBytes(digest).data(), kCheckSize);
  return body;
}

}  // namespace

std::string MakePageToken(uint64_t subject, absl::string_view position) {
  return base::ToHex(WithCheck(subject, absl::StrCat(absl::string_view(&kVersion, 1), position)));
}

absl::StatusOr<std::string> ReadPageToken(uint64_t subject, absl::string_view token) {
  constexpr size_t kBody = 1 + kPositionSize;
  if (token.size() == 2 * (kBody + kCheckSize)) {
    const auto bytes = base::FromHex(token);
    if (bytes.ok() && (*bytes)[0] == kVersion &&
        base::ToHex(WithCheck(subject, bytes->substr(0, kBody))) == token)
      return bytes->substr(1, kPositionSize);
  }
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PAGE_TOKEN",
                     "the page token was not given for this question")
      .Field("page_token")
      .Expected("next_page_token of the answer before, or nothing");
}

}  // namespace egov::disclosure::internal
