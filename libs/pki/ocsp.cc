// Asking for a certificate's status and checking the answer; answering is in ocsp_responder.cc.
#include "libs/pki/ocsp.h"

#include <openssl/ocsp.h>

#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {

using internal::Access;
using internal::Deleter;
using internal::OpenSslError;

namespace {

using RequestPtr = std::unique_ptr<OCSP_REQUEST, Deleter<OCSP_REQUEST_free>>;
using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Deleter<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Deleter<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, Deleter<OCSP_CERTID_free>>;
using OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, Deleter<ASN1_OCTET_STRING_free>>;

absl::Status Bad(absl::string_view what, absl::string_view why) {
  return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_OCSP",
                      absl::StrCat("not an OCSP ", what, ": ", why));
}

absl::Status Unauthenticated(absl::string_view reason, absl::string_view text) {
  return OpenSslError(absl::StatusCode::kUnauthenticated, reason, text);
}

absl::string_view View(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

const EVP_MD* DigestOf(OcspHash hash) {
  return hash == OcspHash::kSha1 ? EVP_sha1() : hash == OcspHash::kSha256 ? EVP_sha256() : nullptr;
}

OcspCertId ReadId(const OCSP_CERTID* id) {
  ASN1_OCTET_STRING* name = nullptr;
  ASN1_OCTET_STRING* key = nullptr;
  ASN1_OBJECT* algorithm = nullptr;
  ASN1_INTEGER* serial = nullptr;
  // Const in all but its declaration.
  OCSP_id_get0_info(&name, &algorithm, &key, &serial, const_cast<OCSP_CERTID*>(id));
  const int nid = OBJ_obj2nid(algorithm);
  OcspCertId result;
  result.hash = nid == NID_sha1     ? OcspHash::kSha1
                : nid == NID_sha256 ? OcspHash::kSha256
                                    : OcspHash::kOther;
  result.issuer = absl::StrCat(View(name), View(key));
  result.serial = internal::SerialText(serial);
  result.der = internal::ToDer(i2d_OCSP_CERTID, id);
  return result;
}

// Looks at each of a list of extensions: 0 known, else the first that is critical and is not.
template <typename Count, typename Get>
bool HasUnknownCritical(const Count& count, const Get& get, std::initializer_list<int> known) {
  for (int i = 0; i < count(); ++i) {
    X509_EXTENSION* extension = get(i);
    if (X509_EXTENSION_get_critical(extension) == 0) continue;
    const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
    bool is_known = false;
    for (const int one : known) is_known = is_known || one == nid;
    if (!is_known) return true;
  }
  return false;
}

// The nonce in its extension: an OCTET STRING of 1 to 32 bytes and nothing else (RFC 8954).
absl::StatusOr<std::string> ReadNonce(X509_EXTENSION* extension, absl::string_view what) {
  const absl::string_view value = View(X509_EXTENSION_get_data(extension));
  const unsigned char* at = internal::Bytes(value);
  OctetsPtr nonce(d2i_ASN1_OCTET_STRING(nullptr, &at, static_cast<long>(value.size())));  // NOLINT
  if (nonce == nullptr || at != internal::Bytes(value) + value.size() ||
      ASN1_STRING_length(nonce.get()) < 1 ||
      static_cast<size_t>(ASN1_STRING_length(nonce.get())) > OcspRequest::kMaxNonce) {
    return Bad(what, "its nonce is not 1 to 32 bytes");
  }
  return std::string(View(nonce.get()));
}

bool SignedBy(const Certificate& certificate, const Certificate& issuer) {
  const bool is = certificate.issuer() == issuer.subject() &&
                  X509_verify(Access::Cert(certificate), Access::Pkey(issuer.public_key())) == 1;
  ERR_clear_error();
  return is;
}

// Whether the response names this certificate as its responder.
bool Names(const OCSP_BASICRESP* basic, const Certificate& certificate) {
  const ASN1_OCTET_STRING* key = nullptr;
  const X509_NAME* name = nullptr;
  OCSP_resp_get0_id(basic, &key, &name);
  if (name != nullptr) {
    return X509_NAME_cmp(name, X509_get_subject_name(Access::Cert(certificate))) == 0;
  }
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  return key != nullptr &&
         X509_pubkey_digest(Access::Cert(certificate), EVP_sha1(), hash, &size) == 1 &&
         View(key) == absl::string_view(reinterpret_cast<char*>(hash), size);
}

// Section 4.2.2.2: the issuer itself, or one whom it delegated by a certificate of its own making.
absl::StatusOr<Certificate> ResponderOf(const OCSP_BASICRESP* basic, const Certificate& issuer,
                                        absl::Time produced_at) {
  if (Names(basic, issuer)) return issuer;
  const STACK_OF(X509)* held = OCSP_resp_get0_certs(basic);
  for (int i = 0; held != nullptr && i < sk_X509_num(held); ++i) {
    X509* x509 = sk_X509_value(held, i);
    X509_up_ref(x509);
    const auto certificate = Access::Wrap(internal::X509Ptr(x509));
    if (!certificate.ok() || !Names(basic, *certificate)) continue;
    if (!certificate->CheckPurpose(Purpose::kOcsp).ok() || !SignedBy(*certificate, issuer))
      continue;
    if (produced_at < certificate->not_before() || produced_at > certificate->not_after()) continue;
    return *certificate;
  }
  return Unauthenticated("UNKNOWN_RESPONDER",
                         "the answer is not by the issuer or a responder of its own in force");
}

absl::Status CheckSignature(const OCSP_BASICRESP* basic, const Certificate& responder) {
  const X509_ALGOR* algorithm = OCSP_resp_get0_tbs_sigalg(basic);
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  int digest = NID_undef;
  OBJ_find_sigid_algs(OBJ_obj2nid(object), &digest, nullptr);
  // No SHA-1 here: this hash does protect.
  const bool strong = digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512 ||
                      OBJ_obj2nid(object) == NID_ED25519;
  if (!strong ||
      ASN1_item_verify(ASN1_ITEM_rptr(OCSP_RESPDATA), algorithm, OCSP_resp_get0_signature(basic),
                       OCSP_resp_get0_respdata(basic), Access::Pkey(responder.public_key())) != 1) {
    return Unauthenticated("BAD_SIGNATURE", "the answer's signature does not hold");
  }
  return absl::OkStatus();
}

absl::StatusOr<BasicPtr> ParseResponse(absl::string_view der) {
  const unsigned char* at = internal::Bytes(der);
  ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));  // NOLINT
  if (response == nullptr || at != internal::Bytes(der) + der.size()) {
    return Bad("response", "malformed");
  }
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return base::Error(absl::StatusCode::kUnavailable, "OCSP_REFUSED",
                       "the responder refused an answer")
        .With("failure", OcspFailureName(static_cast<OcspFailure>(status)));
  }
  BasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (basic == nullptr) return Bad("response", "no basic response inside");
  if (HasUnknownCritical([&] { return OCSP_BASICRESP_get_ext_count(basic.get()); },
                         [&](int i) { return OCSP_BASICRESP_get_ext(basic.get(), i); },
                         {NID_id_pkix_OCSP_Nonce})) {
    return Bad("response", "a critical extension is not known");
  }
  return basic;
}

absl::StatusOr<std::string> NonceOf(OCSP_BASICRESP* basic) {
  const int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
  if (at < 0) return std::string();
  return ReadNonce(OCSP_BASICRESP_get_ext(basic, at), "response");
}

absl::StatusOr<OcspStatus> ReadStatus(OCSP_SINGLERESP* single) {
  if (HasUnknownCritical([&] { return OCSP_SINGLERESP_get_ext_count(single); },
                         [&](int i) { return OCSP_SINGLERESP_get_ext(single, i); },
                         {NID_id_pkix_OCSP_archiveCutoff})) {
    return Bad("response", "a critical extension is not known");
  }
  int reason = -1;
  ASN1_GENERALIZEDTIME* revoked = nullptr;
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const int state = OCSP_single_get0_status(single, &reason, &revoked, &this_update, &next_update);
  OcspStatus status;
  status.state = state == V_OCSP_CERTSTATUS_GOOD      ? OcspState::kGood
                 : state == V_OCSP_CERTSTATUS_REVOKED ? OcspState::kRevoked
                                                      : OcspState::kUnknown;
  bool times_ok = true;
  const auto read = [&](const ASN1_GENERALIZEDTIME* time) {
    const absl::Time value = internal::FromAsn1(time);
    times_ok = times_ok && value != absl::InfinitePast();
    return value;
  };
  status.this_update = read(this_update);
  if (next_update != nullptr) status.next_update = read(next_update);
  if (status.state == OcspState::kRevoked) {
    status.revoked = read(revoked);
    // An absent reason is "unspecified"; lists are read alike.
    status.reason = static_cast<RevocationReason>(std::max(reason, 0));
  }
  std::unique_ptr<ASN1_GENERALIZEDTIME, Deleter<ASN1_GENERALIZEDTIME_free>> cutoff(
      static_cast<ASN1_GENERALIZEDTIME*>(
          OCSP_SINGLERESP_get1_ext_d2i(single, NID_id_pkix_OCSP_archiveCutoff, nullptr, nullptr)));
  if (cutoff != nullptr) status.archive_cutoff = read(cutoff.get());
  if (!times_ok) return Bad("response", "a time is malformed");
  return status;
}

// The one answer about `certificate`.
absl::StatusOr<OcspStatus> StatusOf(OCSP_BASICRESP* basic, const Certificate& certificate,
                                    const Certificate& issuer) {
  const std::string sha1 = OcspIssuer(issuer, OcspHash::kSha1);
  const std::string sha256 = OcspIssuer(issuer, OcspHash::kSha256);
  std::set<std::pair<std::string, std::string>> seen;
  absl::optional<OcspStatus> found;
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic, i);
    const OcspCertId id = ReadId(OCSP_SINGLERESP_get0_id(single));
    // Whoever takes the first of two that contradict each other can be told either.
    const bool mine = id.serial == certificate.serial() &&
                      ((id.hash == OcspHash::kSha1 && id.issuer == sha1) ||
                       (id.hash == OcspHash::kSha256 && id.issuer == sha256));
    if (!seen.emplace(id.issuer, id.serial).second || (mine && found)) {
      return Unauthenticated("AMBIGUOUS_ANSWER", "two answers for one certificate");
    }
    if (!mine) continue;
    EGOV_ASSIGN_OR_RETURN(found, ReadStatus(single));
  }
  if (!found) return Unauthenticated("NOT_ANSWERED", "the answer is about other certificates");
  return *std::move(found);
}

absl::Status CheckMoments(const OcspStatus& status, absl::Time produced_at,
                          const OcspExpectation& expected) {
  if (status.this_update > expected.at + expected.skew ||
      produced_at > expected.at + expected.skew) {
    return Unauthenticated("FROM_THE_FUTURE", "the answer begins to count later");
  }
  const absl::Time end =
      status.next_update ? *status.next_update : status.this_update + expected.max_age;
  if (end < expected.at - expected.skew || end < status.this_update) {
    return Unauthenticated("STALE", "the answer is too old to count");
  }
  return absl::OkStatus();
}

}  // namespace

std::string OcspIssuer(const Certificate& issuer, OcspHash hash) {
  const EVP_MD* digest = DigestOf(hash);
  if (digest == nullptr) return "";
  unsigned char name[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE];
  unsigned int name_size = 0, key_size = 0;
  X509_NAME_digest(X509_get_subject_name(Access::Cert(issuer)), digest, name, &name_size);
  X509_pubkey_digest(Access::Cert(issuer), digest, key, &key_size);
  return absl::StrCat(absl::string_view(reinterpret_cast<char*>(name), name_size),
                      absl::string_view(reinterpret_cast<char*>(key), key_size));
}

absl::StatusOr<OcspCertId> OcspIdOf(const Certificate& issuer, absl::string_view serial,
                                    OcspHash hash) {
  BIGNUM* number = nullptr;
  const std::string text(serial);
  const int digits = text.empty() ? 0 : BN_hex2bn(&number, text.c_str());
  internal::BignumPtr owner(number);
  const EVP_MD* digest = DigestOf(hash);
  if (digest == nullptr || digits == 0 || digits != static_cast<int>(text.size())) {
    return Bad("question", "no such serial or hash");
  }
  internal::Asn1IntegerPtr integer(BN_to_ASN1_INTEGER(number, nullptr));
  CertIdPtr id(OCSP_cert_id_new(digest, X509_get_subject_name(Access::Cert(issuer)),
                                X509_get0_pubkey_bitstr(Access::Cert(issuer)), integer.get()));
  if (id == nullptr) return Bad("question", "it could not be made");
  return ReadId(id.get());
}

absl::StatusOr<OcspRequest> OcspRequest::New(const Certificate& certificate,
                                             const Certificate& issuer, OcspHash hash) {
  OcspRequest request;
  EGOV_ASSIGN_OR_RETURN(OcspCertId id, OcspIdOf(issuer, certificate.serial(), hash));
  request.ids.push_back(std::move(id));
  request.nonce.resize(kMaxNonce);
  base::RandomBytes(&request.nonce[0], request.nonce.size());
  return request;
}

std::string OcspRequest::ToDer() const {
  RequestPtr request(OCSP_REQUEST_new());
  for (const OcspCertId& id : ids) {
    const unsigned char* at = internal::Bytes(id.der);
    OCSP_CERTID* parsed =
        d2i_OCSP_CERTID(nullptr, &at, static_cast<long>(id.der.size()));  // NOLINT
    if (parsed != nullptr) OCSP_request_add0_id(request.get(), parsed);
  }
  if (!nonce.empty()) {
    std::string bytes = nonce;
    OCSP_request_add1_nonce(request.get(), reinterpret_cast<unsigned char*>(&bytes[0]),
                            static_cast<int>(bytes.size()));
  }
  return internal::ToDer(i2d_OCSP_REQUEST, request.get());
}

absl::StatusOr<OcspRequest> OcspRequest::FromDer(absl::string_view der) {
  if (der.size() > kMaxBytes) return Bad("question", "too long");
  const unsigned char* at = internal::Bytes(der);
  RequestPtr parsed(d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size())));  // NOLINT
  if (parsed == nullptr || at != internal::Bytes(der) + der.size()) {
    return Bad("question", "malformed");
  }
  const int count = OCSP_request_onereq_count(parsed.get());
  if (count < 1 || count > static_cast<int>(kMaxIds)) {
    return Bad("question", "not about 1 to 32 certificates");
  }
  OcspRequest request;
  request.ids.reserve(count);
  for (int i = 0; i < count; ++i) {
    OCSP_ONEREQ* one = OCSP_request_onereq_get0(parsed.get(), i);
    if (HasUnknownCritical([&] { return OCSP_ONEREQ_get_ext_count(one); },
                           [&](int n) { return OCSP_ONEREQ_get_ext(one, n); }, {})) {
      return Bad("question", "a critical extension is not known");
    }
    request.ids.push_back(ReadId(OCSP_onereq_get0_id(one)));
  }
  if (HasUnknownCritical([&] { return OCSP_REQUEST_get_ext_count(parsed.get()); },
                         [&](int n) { return OCSP_REQUEST_get_ext(parsed.get(), n); },
                         {NID_id_pkix_OCSP_Nonce, NID_id_pkix_OCSP_acceptableResponses})) {
    return Bad("question", "a critical extension is not known");
  }
  const int nonce = OCSP_REQUEST_get_ext_by_NID(parsed.get(), NID_id_pkix_OCSP_Nonce, -1);
  if (nonce >= 0) {
    EGOV_ASSIGN_OR_RETURN(request.nonce,
                          ReadNonce(OCSP_REQUEST_get_ext(parsed.get(), nonce), "question"));
  }
  ERR_clear_error();
  return request;
}

absl::StatusOr<std::string> OcspRequest::DerOfPath(absl::string_view base64) {
  std::string der;
  if (base64.size() > kMaxBytes * 2 || !absl::Base64Unescape(base64, &der)) {
    return Bad("question", "not base64");
  }
  return der;
}

absl::StatusOr<OcspVerdict> VerifyOcsp(absl::string_view response, const Certificate& certificate,
                                       const Certificate& issuer,
                                       const OcspExpectation& expectation) {
  if (!SignedBy(certificate, issuer)) {
    return Unauthenticated("UNKNOWN_ISSUER", "the certificate is not by this issuer");
  }
  EGOV_ASSIGN_OR_RETURN(const BasicPtr basic, ParseResponse(response));
  const absl::Time produced_at = internal::FromAsn1(OCSP_resp_get0_produced_at(basic.get()));
  if (produced_at == absl::InfinitePast()) return Bad("response", "a time is malformed");
  EGOV_ASSIGN_OR_RETURN(Certificate responder, ResponderOf(basic.get(), issuer, produced_at));
  EGOV_RETURN_IF_ERROR(CheckSignature(basic.get(), responder));
  EGOV_ASSIGN_OR_RETURN(std::string nonce, NonceOf(basic.get()));
  if (expectation.nonce && *expectation.nonce != nonce) {
    return Unauthenticated("WRONG_NONCE", "the answer is to another question");
  }
  EGOV_ASSIGN_OR_RETURN(OcspStatus status, StatusOf(basic.get(), certificate, issuer));
  EGOV_RETURN_IF_ERROR(CheckMoments(status, produced_at, expectation));
  ERR_clear_error();
  return OcspVerdict{std::move(status), produced_at, std::move(nonce), std::move(responder)};
}

}  // namespace egov::pki
