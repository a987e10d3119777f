#include "libs/pki/verify.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {
namespace internal {

struct VerifierImpl {
  std::vector<Certificate> anchors;
  std::vector<Crl> lists;
  // For each list the anchors that signed it, checked once; other issuers are checked when met.
  std::vector<std::set<Digest>> signed_by;
  Revocation revocation = Revocation::kIfKnown;
  X509StorePtr store;
};

}  // namespace internal

using internal::Access;

namespace {

struct FreeStoreContext {
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

base::Error Unauthenticated(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kUnauthenticated, reason, text);
}

absl::Status ChainError(X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  const int depth = X509_STORE_CTX_get_error_depth(context);
  ERR_clear_error();
  const std::string where =
      depth == 0 ? "the certificate" : absl::StrCat("the authority ", depth, " above it");
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Unauthenticated("EXPIRED", where + " has expired");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Unauthenticated("NOT_YET_VALID", where + " is not valid yet");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      return Unauthenticated("UNKNOWN_ISSUER", where + " does not lead to a trusted authority");
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
      return Unauthenticated("BAD_SIGNATURE", "the signature of " + where + " is wrong");
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_INVALID_PURPOSE:
      return base::Error(absl::StatusCode::kPermissionDenied, "WRONG_USAGE",
                         absl::StrCat(where, ": ", X509_verify_cert_error_string(error)));
    default:
      return Unauthenticated("BAD_CHAIN",
                             absl::StrCat(where, ": ", X509_verify_cert_error_string(error)));
  }
}

absl::Status CheckRevocation(const internal::VerifierImpl& impl, const Certificate& certificate,
                             const Certificate& issuer, absl::Time at) {
  const Crl* newest = nullptr;
  for (size_t i = 0; i < impl.lists.size(); ++i) {
    const Crl& list = impl.lists[i];
    if (list.issuer() != issuer.subject()) continue;
    if (newest != nullptr && list.this_update() <= newest->this_update()) continue;
    if (impl.signed_by[i].count(issuer.fingerprint()) == 0 && !list.VerifySignature(issuer).ok()) {
      continue;
    }
    newest = &list;
  }
  if (newest != nullptr) {
    const auto entry = newest->Find(certificate.serial());
    if (entry && entry->revoked <= at) {
      return Unauthenticated("REVOKED", "a certificate of the chain was revoked")
          .With("revoked", absl::FormatTime(entry->revoked, absl::UTCTimeZone()))
          .With("code", absl::StrCat(static_cast<int>(entry->reason)));
    }
  }
  if (impl.revocation == Revocation::kRequired &&
      (newest == nullptr || newest->next_update() < at)) {
    return Unauthenticated("REVOCATION_UNKNOWN",
                           newest == nullptr ? "there is no revocation list of its authority"
                                             : "its authority's revocation list is overdue");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ChainVerifier> ChainVerifier::Create(std::vector<Certificate> anchors,
                                                    std::vector<Crl> lists, Revocation revocation) {
  if (anchors.empty()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "NO_ANCHOR", "no trust anchor is given");
  }
  auto impl = std::make_shared<internal::VerifierImpl>();
  impl->store.reset(X509_STORE_new());
  for (const Certificate& anchor : anchors) {
    X509_STORE_add_cert(impl->store.get(), Access::Cert(anchor));
  }
  // An authority below a root may be trusted by itself: the directory names authorities, not only
  // roots.
  X509_STORE_set_flags(impl->store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM* param = X509_STORE_get0_param(impl->store.get());
  // 112 bits and more: no SHA-1 signatures, no RSA below 2,048 bits.
  X509_VERIFY_PARAM_set_auth_level(param, 2);
  X509_VERIFY_PARAM_set_depth(param, 8);
  for (const Crl& list : lists) {
    std::set<Digest> signers;
    for (const Certificate& anchor : anchors) {
      if (list.VerifySignature(anchor).ok()) signers.insert(anchor.fingerprint());
    }
    impl->signed_by.push_back(std::move(signers));
  }
  impl->anchors = std::move(anchors);
  impl->lists = std::move(lists);
  impl->revocation = revocation;
  ERR_clear_error();
  return ChainVerifier(std::shared_ptr<const internal::VerifierImpl>(std::move(impl)));
}

absl::StatusOr<std::vector<Certificate>> ChainVerifier::Verify(const Certificate& leaf,
                                                               absl::Span<const Certificate> others,
                                                               Purpose purpose,
                                                               absl::Time at) const {
  EGOV_RETURN_IF_ERROR(leaf.CheckPurpose(purpose));
  const internal::X509StackPtr untrusted = internal::StackOf(others);
  std::unique_ptr<X509_STORE_CTX, FreeStoreContext> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), impl_->store.get(), Access::Cert(leaf), untrusted.get());
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(at));
  if (X509_verify_cert(context.get()) != 1) return ChainError(context.get());

  // OpenSSL's chain holds the very objects it was given; parsing them anew would cost more than the
  // check.
  const auto known = [&](const X509* x509) -> absl::StatusOr<Certificate> {
    if (Access::Cert(leaf) == x509) return leaf;
    for (const Certificate& other : others) {
      if (Access::Cert(other) == x509) return other;
    }
    for (const Certificate& anchor : impl_->anchors) {
      if (Access::Cert(anchor) == x509) return anchor;
    }
    return Certificate::FromDer(internal::ToDer(i2d_X509, x509));
  };
  std::vector<Certificate> chain;
  const STACK_OF(X509)* found = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(found); ++i) {
    EGOV_ASSIGN_OR_RETURN(Certificate certificate, known(sk_X509_value(found, i)));
    chain.push_back(std::move(certificate));
  }
  // OpenSSL climbs on into `others` above an anchor that is no root; what it finds there trusts
  // nobody.
  const auto& anchors = impl_->anchors;
  while (std::find(anchors.begin(), anchors.end(), chain.back()) == anchors.end()) {
    chain.pop_back();
    if (chain.empty()) return Unauthenticated("UNKNOWN_ISSUER", "no path to an anchor");
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    EGOV_RETURN_IF_ERROR(chain[i].CheckPurpose(Purpose::kAuthority));
  }
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    EGOV_RETURN_IF_ERROR(CheckRevocation(*impl_, chain[i], chain[i + 1], at));
  }
  return chain;
}

const std::vector<Certificate>& ChainVerifier::anchors() const { return impl_->anchors; }
const std::vector<Crl>& ChainVerifier::lists() const { return impl_->lists; }

}  // namespace egov::pki
