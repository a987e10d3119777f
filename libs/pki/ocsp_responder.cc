// The answering side of ocsp.h. Answers are written as DER by hand: a responder writes the same few
// forms many thousand times a second, and OpenSSL's templates would cost as much as the signature.
#include <openssl/ocsp.h>

#include <utility>

#include "libs/pki/internal/der.h"
#include "libs/pki/internal/openssl.h"
#include "libs/pki/ocsp.h"

namespace egov::pki {

using internal::Access;
using internal::Der;

namespace {

// Universal tags (X.690 section 8.1.2), constructed where the type is.
constexpr unsigned char kBitString = 0x03;
constexpr unsigned char kOctetString = 0x04;
constexpr unsigned char kObject = 0x06;
constexpr unsigned char kEnumerated = 0x0A;
constexpr unsigned char kGeneralizedTime = 0x18;
constexpr unsigned char kSequence = 0x30;
constexpr unsigned char Implicit(int number) { return static_cast<unsigned char>(0x80 | number); }
constexpr unsigned char Explicit(int number) { return static_cast<unsigned char>(0xA0 | number); }

std::string Object(int nid) {
  const ASN1_OBJECT* object = OBJ_nid2obj(nid);
  return Der(kObject, absl::string_view(reinterpret_cast<const char*>(OBJ_get0_data(object)),
                                        OBJ_length(object)));
}

std::string Time(absl::Time time) {
  static const absl::TimeZone utc = absl::UTCTimeZone();
  return Der(kGeneralizedTime, absl::FormatTime("%E4Y%m%d%H%M%SZ", time, utc));
}

// An Extension, not critical; `value` is DER.
std::string Extension(int nid, absl::string_view value) {
  return Der(kSequence, Object(nid), Der(kOctetString, value));
}

std::string CertStatus(const OcspStatus& status) {
  switch (status.state) {
    case OcspState::kGood:
      return Der(Implicit(0));
    case OcspState::kUnknown:
      return Der(Implicit(2));
    case OcspState::kRevoked:
      break;
  }
  // As in lists (RFC 5280 section 5.3.1) the reason is absent rather than "unspecified".
  const char reason = static_cast<char>(status.reason);
  return Der(Explicit(1), Time(status.revoked),
             status.reason == RevocationReason::kUnspecified
                 ? ""
                 : Der(Explicit(0), Der(kEnumerated, absl::string_view(&reason, 1))));
}

std::string SingleResponse(const OcspAnswer& answer) {
  const OcspStatus& status = answer.status;
  return Der(kSequence, answer.id.der, CertStatus(status), Time(status.this_update),
             status.next_update ? Der(Explicit(0), Time(*status.next_update)) : "",
             status.archive_cutoff
                 ? Der(Explicit(1), Der(kSequence, Extension(NID_id_pkix_OCSP_archiveCutoff,
                                                             Time(*status.archive_cutoff))))
                 : "");
}

std::string SignatureAlgorithm(KeyType type) {
  switch (type) {
    case KeyType::kP256:
      return Der(kSequence, Object(NID_ecdsa_with_SHA256));
    case KeyType::kP384:
      return Der(kSequence, Object(NID_ecdsa_with_SHA384));
    case KeyType::kEd25519:
      return Der(kSequence, Object(NID_ED25519));
    case KeyType::kRsa:
      break;
  }
  return Der(kSequence, Object(NID_sha256WithRSAEncryption), absl::string_view("\x05\0", 2));
}

// The ResponderID by key: SHA-1 of the subjectPublicKey's bits (section 4.2.1).
std::string KeyHash(const Certificate& certificate) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  X509_pubkey_digest(Access::Cert(certificate), EVP_sha1(), hash, &size);
  return std::string(reinterpret_cast<char*>(hash), size);
}

}  // namespace

struct OcspResponder::Impl {
  Certificate certificate;
  PrivateKey key;
  std::string responder_id;  // DER, like the two below
  std::string algorithm;
  std::string certificates;  // with its tag, or empty
};

OcspResponder::OcspResponder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OcspResponder::OcspResponder(OcspResponder&&) noexcept = default;
OcspResponder& OcspResponder::operator=(OcspResponder&&) noexcept = default;
OcspResponder::~OcspResponder() = default;

const Certificate& OcspResponder::certificate() const { return impl_->certificate; }

absl::StatusOr<OcspResponder> OcspResponder::Create(const Certificate& issuer,
                                                    Certificate certificate, PrivateKey key,
                                                    Name name) {
  const bool delegated = certificate != issuer;
  if (delegated) {
    EGOV_RETURN_IF_ERROR(certificate.CheckPurpose(Purpose::kOcsp));
    if (certificate.issuer() != issuer.subject() ||
        X509_verify(Access::Cert(certificate), Access::Pkey(issuer.public_key())) != 1) {
      ERR_clear_error();
      return base::Error(absl::StatusCode::kUnauthenticated, "UNKNOWN_RESPONDER",
                         "the responder's certificate is not issued by this authority itself");
    }
  }
  if (certificate.public_key() != key.public_key()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "KEY_MISMATCH",
                       "the key is not the certificate's");
  }
  std::string id =
      name == Name::kKeyHash
          ? Der(Explicit(2), Der(kOctetString, KeyHash(certificate)))
          : Der(Explicit(1),
                internal::ToDer(i2d_X509_NAME, X509_get_subject_name(Access::Cert(certificate))));
  std::string certificates =
      delegated ? Der(Explicit(0), Der(kSequence, certificate.ToDer())) : std::string();
  std::string algorithm = SignatureAlgorithm(key.type());
  return OcspResponder(
      std::unique_ptr<Impl>(new Impl{std::move(certificate), std::move(key), std::move(id),
                                     std::move(algorithm), std::move(certificates)}));
}

absl::StatusOr<std::string> OcspResponder::Answer(absl::Span<const OcspAnswer> answers,
                                                  absl::string_view nonce,
                                                  absl::Time produced_at) const {
  std::string singles;
  for (const OcspAnswer& answer : answers) singles += SingleResponse(answer);
  const std::string data =
      Der(kSequence, impl_->responder_id, Time(produced_at), Der(kSequence, singles),
          nonce.empty() ? ""
                        : Der(Explicit(1), Der(kSequence, Extension(NID_id_pkix_OCSP_Nonce,
                                                                    Der(kOctetString, nonce)))));
  EGOV_ASSIGN_OR_RETURN(const std::string signature, impl_->key.Sign(data));
  const std::string basic =
      Der(kSequence, data, impl_->algorithm, Der(kBitString, absl::string_view("\0", 1), signature),
          impl_->certificates);
  return Der(
      kSequence, Der(kEnumerated, absl::string_view("\0", 1)),
      Der(Explicit(0), Der(kSequence, Object(NID_id_pkix_OCSP_basic), Der(kOctetString, basic))));
}

absl::string_view OcspFailureName(OcspFailure failure) {
  switch (failure) {
    case OcspFailure::kMalformedRequest:
      return "malformedRequest";
    case OcspFailure::kInternalError:
      return "internalError";
    case OcspFailure::kTryLater:
      return "tryLater";
    case OcspFailure::kSigRequired:
      return "sigRequired";
    case OcspFailure::kUnauthorized:
      return "unauthorized";
  }
  return "unknown";
}

std::string OcspRefusal(OcspFailure failure) {
  const char status = static_cast<char>(failure);
  return Der(kSequence, Der(kEnumerated, absl::string_view(&status, 1)));
}

}  // namespace egov::pki
