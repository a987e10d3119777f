#include "services/identity/common/token.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"

namespace egov::identity {
namespace {

constexpr absl::string_view kPrefix = "egov-enrol-1.";

std::string Check(absl::string_view first64) {
  const pki::Digest digest = pki::Sha256Of(first64);
  return std::string(pki::AsBytes(digest).substr(0, 4));
}

}  // namespace

std::string MakeTokenText(const pki::Secret& seed, const pki::Digest& root) {
  const std::string body = absl::StrCat(seed.Reveal(), pki::AsBytes(root));
  return absl::StrCat(kPrefix, absl::WebSafeBase64Escape(absl::StrCat(body, Check(body))));
}

absl::StatusOr<EnrolmentToken> ParseToken(absl::string_view text) {
  const base::Error bad(absl::StatusCode::kInvalidArgument, "BAD_TOKEN",
                        "the enrolment token is not complete or mistyped");
  text = absl::StripAsciiWhitespace(text);
  std::string bytes;
  if (!absl::ConsumePrefix(&text, kPrefix) || !absl::WebSafeBase64Unescape(text, &bytes) ||
      bytes.size() != 68 || Check(bytes.substr(0, 64)) != bytes.substr(64)) {
    return bad.status();
  }
  auto key = pki::PrivateKey::FromEd25519Seed(pki::Secret(bytes.substr(0, 32)));
  if (!key.ok()) return bad.status();
  pki::Digest root;
  pki::DigestFromBytes(bytes.substr(32, 32), &root);
  return EnrolmentToken{*std::move(key), root};
}

std::string EnrolBytes(absl::string_view order) {
  return absl::StrCat(absl::string_view("egov.identity.v1.enrol\0", 23), order);
}

std::string RenewBytes(absl::string_view order) {
  return absl::StrCat(absl::string_view("egov.identity.v1.renew\0", 23), order);
}

}  // namespace egov::identity
