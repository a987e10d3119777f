// Asking for time-stamps and checking them; granting is in timestamp_authority.cc.
#include "libs/pki/timestamp.h"

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/pki/internal/openssl.h"
#include "libs/pki/internal/timestamp.h"

namespace egov::pki {

using internal::Access;
using internal::Deleter;
using internal::OpenSslError;

namespace {

using ResponsePtr = std::unique_ptr<TS_RESP, Deleter<TS_RESP_free>>;
using RequestPtr = std::unique_ptr<TS_REQ, Deleter<TS_REQ_free>>;
using Pkcs7Ptr = std::unique_ptr<PKCS7, Deleter<PKCS7_free>>;
using TstInfoPtr = std::unique_ptr<TS_TST_INFO, Deleter<TS_TST_INFO_free>>;
using AlgorithmPtr = std::unique_ptr<X509_ALGOR, Deleter<X509_ALGOR_free>>;
using ImprintPtr = std::unique_ptr<TS_MSG_IMPRINT, Deleter<TS_MSG_IMPRINT_free>>;
// PKCS7_get0_signers lends the certificates, only the stack is ours.
void FreeStackAlone(STACK_OF(X509) * stack) { sk_X509_free(stack); }
using SignersPtr = std::unique_ptr<STACK_OF(X509), Deleter<FreeStackAlone>>;

absl::Status Bad(absl::string_view why) {
  return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_TIME_STAMP",
                      absl::StrCat("not a time-stamp: ", why));
}

absl::Status Unauthenticated(absl::string_view reason, absl::string_view text) {
  return OpenSslError(absl::StatusCode::kUnauthenticated, reason, text);
}

template <typename T>
T* Parse(T* (*decode)(T**, const unsigned char**, long),
         absl::string_view der) {  // NOLINT: OpenSSL's type
  const unsigned char* at = internal::Bytes(der);
  T* value = decode(nullptr, &at, static_cast<long>(der.size()));  // NOLINT
  return value;
}

bool IsWhole(absl::string_view der) {
  const unsigned char* at = internal::Bytes(der);
  long length = 0;  // NOLINT
  int tag = 0, type = 0;
  const int found =
      ASN1_get_object(&at, &length, &tag, &type, static_cast<long>(der.size()));  // NOLINT
  return found == V_ASN1_CONSTRUCTED && tag == V_ASN1_SEQUENCE &&
         at + length == internal::Bytes(der) + der.size();
}

// GeneralizedTime as RFC 3161 section 2.4.2 restricts it: YYYYMMDDhhmmss[.s...]Z.
absl::StatusOr<absl::Time> GenTime(const ASN1_GENERALIZEDTIME* time) {
  const absl::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(time)),
                               ASN1_STRING_length(time));
  if (text.size() < 15 || text.back() != 'Z') return Bad("its time is malformed");
  const absl::Time seconds = internal::FromAsn1(time);
  if (seconds == absl::InfinitePast()) return Bad("its time is malformed");
  absl::string_view fraction = text.substr(14, text.size() - 15);
  if (fraction.empty()) return seconds;
  if (fraction[0] != '.' || fraction.size() < 2) return Bad("its time is malformed");
  int64_t nanos = 0, unit = 100000000;
  for (const char c : fraction.substr(1)) {
    if (c < '0' || c > '9') return Bad("its time is malformed");
    nanos += (c - '0') * unit;
    unit /= 10;
  }
  return seconds + absl::Nanoseconds(nanos);
}

absl::Duration AccuracyOf(const TS_ACCURACY* accuracy) {
  if (accuracy == nullptr) return absl::ZeroDuration();
  const auto number = [](const ASN1_INTEGER* integer) -> int64_t {
    int64_t value = 0;
    return integer != nullptr && ASN1_INTEGER_get_int64(&value, integer) == 1 ? value : 0;
  };
  return absl::Seconds(number(TS_ACCURACY_get_seconds(accuracy))) +
         absl::Milliseconds(number(TS_ACCURACY_get_millis(accuracy))) +
         absl::Microseconds(number(TS_ACCURACY_get_micros(accuracy)));
}

absl::StatusOr<std::vector<Certificate>> CertificatesOf(PKCS7* token) {
  std::vector<Certificate> certificates;
  const STACK_OF(X509)* held = token->d.sign == nullptr ? nullptr : token->d.sign->cert;
  for (int i = 0; held != nullptr && i < sk_X509_num(held); ++i) {
    X509* x509 = sk_X509_value(held, i);
    X509_up_ref(x509);
    auto certificate = Access::Wrap(internal::X509Ptr(x509));
    if (certificate.ok()) certificates.push_back(*std::move(certificate));
  }
  return certificates;
}

// The one signer's certificate, from the token or from `others`; both are among `candidates`.
absl::StatusOr<Certificate> SignerOf(PKCS7* token, STACK_OF(X509) * others,
                                     const std::vector<Certificate>& candidates) {
  SignersPtr signers(PKCS7_get0_signers(token, others, 0));
  if (signers != nullptr && sk_X509_num(signers.get()) == 1) {
    for (const Certificate& candidate : candidates) {
      if (Access::Cert(candidate) == sk_X509_value(signers.get(), 0)) return candidate;
    }
  }
  return Unauthenticated("UNKNOWN_ISSUER", "the authority's certificate is not at hand");
}

// CMS signature and ESSCertID(V2), both by OpenSSL; the chain was judged before, so here its own
// anchor is trusted.
absl::Status CheckSignature(PKCS7* token, const std::vector<Certificate>& chain, absl::Time at) {
  internal::X509StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), Access::Cert(chain.back()));
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), absl::ToTimeT(at));
  const internal::X509StackPtr certificates = internal::StackOf(chain);
  if (TS_RESP_verify_signature(token, certificates.get(), store.get(), nullptr) != 1) {
    return Unauthenticated("BAD_SIGNATURE", "the time-stamp's signature does not hold");
  }
  return absl::OkStatus();
}

absl::StatusOr<Pkcs7Ptr> ParseToken(absl::string_view response_or_token) {
  std::string token;
  // A response is SEQUENCE { SEQUENCE (status) ...}, a token SEQUENCE { OBJECT IDENTIFIER ...}.
  ResponsePtr response(Parse(d2i_TS_RESP, response_or_token));
  if (response != nullptr) {
    EGOV_ASSIGN_OR_RETURN(token, TokenOfResponse(response_or_token));
    response_or_token = token;
  }
  if (!IsWhole(response_or_token)) return Bad("malformed");
  Pkcs7Ptr pkcs7(Parse(d2i_PKCS7, response_or_token));
  if (pkcs7 == nullptr) return Bad("malformed");
  return pkcs7;
}

}  // namespace

namespace internal {

std::string FailureName(const TS_STATUS_INFO* status) {
  const ASN1_BIT_STRING* bits = TS_STATUS_INFO_get0_failure_info(status);
  static constexpr std::pair<int, const char*> kNames[] = {
      {TS_INFO_BAD_ALG, "badAlg"},
      {TS_INFO_BAD_REQUEST, "badRequest"},
      {TS_INFO_BAD_DATA_FORMAT, "badDataFormat"},
      {TS_INFO_TIME_NOT_AVAILABLE, "timeNotAvailable"},
      {TS_INFO_UNACCEPTED_POLICY, "unacceptedPolicy"},
      {TS_INFO_UNACCEPTED_EXTENSION, "unacceptedExtension"},
      {TS_INFO_ADD_INFO_NOT_AVAILABLE, "addInfoNotAvailable"},
      {TS_INFO_SYSTEM_FAILURE, "systemFailure"}};
  for (const auto& [bit, name] : kNames) {
    if (bits != nullptr && ASN1_BIT_STRING_get_bit(bits, bit) == 1) return name;
  }
  return "unknown";
}

}  // namespace internal

TimeStampRequest TimeStampRequest::New(const Digest& imprint) {
  TimeStampRequest request;
  request.imprint = imprint;
  do {
    base::RandomBytes(&request.nonce, sizeof(request.nonce));
    request.nonce >>= 1;  // positive also for readers of signed 64-bit integers
  } while (request.nonce == 0);
  return request;
}

std::string TimeStampRequest::ToDer() const {
  RequestPtr request(TS_REQ_new());
  ImprintPtr message(TS_MSG_IMPRINT_new());
  AlgorithmPtr algorithm(X509_ALGOR_new());
  X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_sha256), V_ASN1_NULL, nullptr);
  TS_MSG_IMPRINT_set_algo(message.get(), algorithm.get());
  TS_MSG_IMPRINT_set_msg(message.get(), const_cast<uint8_t*>(imprint.data()),
                         static_cast<int>(imprint.size()));
  TS_REQ_set_version(request.get(), 1);
  TS_REQ_set_msg_imprint(request.get(), message.get());
  if (nonce != 0) {
    internal::Asn1IntegerPtr number(ASN1_INTEGER_new());
    ASN1_INTEGER_set_uint64(number.get(), nonce);
    TS_REQ_set_nonce(request.get(), number.get());
  }
  TS_REQ_set_cert_req(request.get(), certificates ? 1 : 0);
  return internal::ToDer(i2d_TS_REQ, request.get());
}

absl::StatusOr<std::string> TokenOfResponse(absl::string_view response_der) {
  ResponsePtr response(IsWhole(response_der) ? Parse(d2i_TS_RESP, response_der) : nullptr);
  if (response == nullptr) return Bad("malformed response");
  const TS_STATUS_INFO* status = TS_RESP_get_status_info(response.get());
  int64_t code = -1;
  if (ASN1_INTEGER_get_int64(&code, TS_STATUS_INFO_get0_status(status)) != 1) {
    return Bad("malformed status");
  }
  if (code != TS_STATUS_GRANTED && code != TS_STATUS_GRANTED_WITH_MODS) {
    ERR_clear_error();
    return base::Error(absl::StatusCode::kUnavailable, "TIME_STAMP_REFUSED",
                       "the authority refused a time-stamp")
        .With("failure", internal::FailureName(status));
  }
  PKCS7* token = TS_RESP_get_token(response.get());
  if (token == nullptr) return Bad("a granted response without a token");
  return internal::ToDer(i2d_PKCS7, token);
}

namespace {

// Whether the imprint (algorithm's NID, bytes) is of what was to be stamped.
using IsImprint = absl::FunctionRef<bool(int, absl::string_view)>;

absl::StatusOr<TimeStamp> Verify(absl::string_view response_or_token, IsImprint is_imprint,
                                 const Digest& imprint, absl::optional<uint64_t> nonce,
                                 const ChainVerifier& trust,
                                 const std::vector<Certificate>& others) {
  EGOV_ASSIGN_OR_RETURN(Pkcs7Ptr token, ParseToken(response_or_token));
  if (!PKCS7_type_is_signed(token.get())) return Bad("its token is not signed data");
  TstInfoPtr info(PKCS7_to_TS_TST_INFO(token.get()));
  if (info == nullptr || TS_TST_INFO_get_version(info.get()) != 1) return Bad("no TSTInfo inside");

  TS_MSG_IMPRINT* stamped = TS_TST_INFO_get_msg_imprint(info.get());
  const ASN1_OBJECT* algorithm = nullptr;
  X509_ALGOR_get0(&algorithm, nullptr, nullptr, TS_MSG_IMPRINT_get_algo(stamped));
  const ASN1_OCTET_STRING* hashed = TS_MSG_IMPRINT_get_msg(stamped);
  const absl::string_view hashed_bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(hashed)),
                                       ASN1_STRING_length(hashed));
  if (!is_imprint(OBJ_obj2nid(algorithm), hashed_bytes)) {
    return Unauthenticated("WRONG_IMPRINT", "the time-stamp is for other data");
  }
  const ASN1_INTEGER* stamped_nonce = TS_TST_INFO_get_nonce(info.get());
  uint64_t number = 0;
  const bool has_nonce =
      stamped_nonce != nullptr && ASN1_INTEGER_get_uint64(&number, stamped_nonce) == 1;
  if (nonce && (!has_nonce || number != *nonce)) {
    return Unauthenticated("WRONG_NONCE", "the time-stamp answers another question");
  }
  EGOV_ASSIGN_OR_RETURN(const absl::Time time, GenTime(TS_TST_INFO_get_time(info.get())));

  EGOV_ASSIGN_OR_RETURN(std::vector<Certificate> candidates, CertificatesOf(token.get()));
  candidates.insert(candidates.end(), others.begin(), others.end());
  const internal::X509StackPtr given = internal::StackOf(others);
  EGOV_ASSIGN_OR_RETURN(Certificate signer, SignerOf(token.get(), given.get(), candidates));
  // At genTime: a stamp outlives the certificate that made it.
  EGOV_ASSIGN_OR_RETURN(const std::vector<Certificate> chain,
                        trust.Verify(signer, candidates, Purpose::kTimeStamp, time));
  EGOV_RETURN_IF_ERROR(CheckSignature(token.get(), chain, time));
  ERR_clear_error();
  return TimeStamp{time,
                   AccuracyOf(TS_TST_INFO_get_accuracy(info.get())),
                   internal::ObjectText(TS_TST_INFO_get_policy_id(info.get())),
                   internal::SerialText(TS_TST_INFO_get_serial(info.get())),
                   signer.subject(),
                   TS_TST_INFO_get_ordering(info.get()) != 0,
                   imprint,
                   has_nonce ? absl::optional<uint64_t>(number) : absl::nullopt,
                   signer};
}

}  // namespace

absl::StatusOr<TimeStamp> VerifyTimeStamp(absl::string_view response_or_token,
                                          const Digest& imprint, absl::optional<uint64_t> nonce,
                                          const ChainVerifier& trust,
                                          const std::vector<Certificate>& others) {
  const auto is_imprint = [&](int algorithm, absl::string_view bytes) {
    return algorithm == NID_sha256 && bytes == AsBytes(imprint);
  };
  return Verify(response_or_token, is_imprint, imprint, nonce, trust, others);
}

absl::StatusOr<TimeStamp> VerifyTimeStampOf(absl::string_view data,
                                            absl::string_view response_or_token,
                                            const ChainVerifier& trust,
                                            const std::vector<Certificate>& others) {
  const auto is_imprint = [&](int algorithm, absl::string_view bytes) {
    if (algorithm != NID_sha256 && algorithm != NID_sha384 && algorithm != NID_sha512) return false;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    return EVP_Digest(data.data(), data.size(), digest, &size, EVP_get_digestbynid(algorithm),
                      nullptr) == 1 &&
           bytes == absl::string_view(reinterpret_cast<char*>(digest), size);
  };
  return Verify(response_or_token, is_imprint, Sha256Of(data), absl::nullopt, trust, others);
}

}  // namespace egov::pki
