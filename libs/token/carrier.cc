#include "libs/token/carrier.h"

namespace egov::token {

absl::string_view UseName(Use use) {
  switch (use) {
    case Use::kAuthentication:
      return "authentication";
    case Use::kSignature:
      return "signature";
  }
  return "";
}

absl::optional<Use> UseOf(const pki::Certificate& certificate) {
  if (certificate.is_authority()) return absl::nullopt;
  if ((certificate.key_usage() & pki::kContentCommitment) != 0) return Use::kSignature;
  if ((certificate.key_usage() & pki::kDigitalSignature) != 0) return Use::kAuthentication;
  return absl::nullopt;
}

}  // namespace egov::token
