// RFC 3161 time-stamps, both sides: asking, granting, checking.
//
// Thread safety: TimeStampAuthority::Respond may be called from many threads; the rest are values
// and free functions. Cost: granting about 50 us, checking about 200 us.
#ifndef EGOV_LIBS_PKI_TIMESTAMP_H_
#define EGOV_LIBS_PKI_TIMESTAMP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"
#include "libs/pki/sha256.h"
#include "libs/pki/verify.h"

namespace egov::pki {

// A question (RFC 3161 section 2.4.1) about a SHA-256 imprint.
struct TimeStampRequest {
  Digest imprint{};
  uint64_t nonce = 0;        // 0: none; New() draws one
  bool certificates = true;  // the authority's chain shall come with the answer

  // A question with a fresh random nonce.
  static TimeStampRequest New(const Digest& imprint);
  std::string ToDer() const;
};

// What a verified time-stamp says.
struct TimeStamp {
  absl::Time time;  // genTime
  absl::Duration
      accuracy;  // the true time lies within time +- accuracy; zero when the token says nothing
  std::string policy;     // object identifier, dotted
  std::string serial;     // lower-case hexadecimal
  std::string authority;  // subject of the authority's certificate
  bool ordered = false;   // the authority orders its stamps by time (section 2.4.2)
  Digest imprint{};
  absl::optional<uint64_t> nonce;  // absent also when it does not fit 64 bits
  Certificate certificate;         // the authority's
};

// The time-stamp token (a CMS ContentInfo, DER) in a response. Errors:
// INVALID_ARGUMENT/BAD_TIME_STAMP when malformed; UNAVAILABLE/TIME_STAMP_REFUSED when the authority
// refused, with its failure info's name in metadata "failure".
absl::StatusOr<std::string> TokenOfResponse(absl::string_view response);

// Verifies a response or a bare token (both DER): status granted, imprint, nonce (when one is
// expected), CMS signature with ESSCertID(V2), the authority's certificate (extended key usage
// timeStamping alone and critical) and its chain at genTime to an anchor of `trust`, revocation as
// `trust` says. `others` helps when the token carries no certificates. Errors:
// INVALID_ARGUMENT/BAD_TIME_STAMP, UNAVAILABLE/TIME_STAMP_REFUSED, UNAUTHENTICATED with
// WRONG_IMPRINT, WRONG_NONCE, BAD_SIGNATURE, or a reason of ChainVerifier::Verify.
absl::StatusOr<TimeStamp> VerifyTimeStamp(absl::string_view response_or_token,
                                          const Digest& imprint, absl::optional<uint64_t> nonce,
                                          const ChainVerifier& trust,
                                          const std::vector<Certificate>& others = {});

// The same for a stamp that another asked for, of data at hand: the imprint may be by SHA-256,
// SHA-384 or SHA-512. TimeStamp::imprint is the data's SHA-256 in any case.
absl::StatusOr<TimeStamp> VerifyTimeStampOf(absl::string_view data,
                                            absl::string_view response_or_token,
                                            const ChainVerifier& trust,
                                            const std::vector<Certificate>& others = {});

// Grants time-stamps. Holds the key; knows neither network nor disk.
class TimeStampAuthority {
 public:
  struct Options {
    std::string policy;                          // object identifier, dotted; the only one accepted
    absl::Duration accuracy = absl::Seconds(1);  // written into each token, microsecond steps
    bool ordered = true;  // say that stamps are ordered by time: then `time` must never go back
  };
  // The moment to write. An error refuses the request with timeNotAvailable.
  using TimeSource = std::function<absl::StatusOr<absl::Time>()>;
  // A number never given before, at most 20 bytes. An error refuses with systemFailure.
  using SerialSource = std::function<absl::StatusOr<uint64_t>()>;

  struct Reply {
    std::string der;  // TimeStampResp, also when refused
    bool granted = false;
    std::string failure;  // the failure info's name as RFC 3161 writes it; empty when granted
  };

  // WRONG_USAGE when the certificate is not one for time-stamping; KEY_MISMATCH when the key is not
  // its key. `chain` goes along with tokens whose question asks for certificates.
  static absl::StatusOr<TimeStampAuthority> Create(Options options, Certificate certificate,
                                                   PrivateKey key, std::vector<Certificate> chain,
                                                   TimeSource time, SerialSource serial);
  TimeStampAuthority(TimeStampAuthority&&) noexcept;
  TimeStampAuthority& operator=(TimeStampAuthority&&) noexcept;
  ~TimeStampAuthority();

  // Answers any bytes. Imprints by SHA-256, SHA-384 and SHA-512; others are refused with badAlg.
  Reply Respond(absl::string_view request) const;

 private:
  struct Impl;
  explicit TimeStampAuthority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_TIMESTAMP_H_
