#include "libs/proof/stamp.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::proof {
namespace {

// Tags and values of the narrow form (RFC 3161 section 2.4.2, RFC 5652 section 5), DER.
constexpr uint8_t kSequence = 0x30, kSet = 0x31, kObjectId = 0x06, kUtcTime = 0x17,
                  kGeneralizedTime = 0x18, kInteger = 0x02, kOctets = 0x04, kContext0 = 0xa0;
constexpr absl::string_view kGranted("\x30\x03\x02\x01\x00", 5);
constexpr absl::string_view kSignedData("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 11);
constexpr absl::string_view kTstInfo("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04", 13);
constexpr absl::string_view kVersion1("\x02\x01\x01", 3), kVersion3("\x02\x01\x03", 3);
constexpr absl::string_view kNull("\x05\x00", 2);
constexpr absl::string_view kSha2("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02", 10);  // + 1, 2, 3
constexpr absl::string_view kEcdsaSha2("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03", 9);  // + 2, 3, 4
constexpr absl::string_view kRsaPkcs1("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01", 10);

// Reads DER from the front: definite lengths in their shortest form.
class Der {
 public:
  explicit Der(absl::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  // Takes an element of this tag; `content` and `whole` may be null.
  bool Take(uint8_t tag, absl::string_view* content, absl::string_view* whole = nullptr) {
    if (rest_.size() < 2 || static_cast<uint8_t>(rest_[0]) != tag) return false;
    size_t length = static_cast<uint8_t>(rest_[1]), head = 2;
    if (length >= 0x80) {
      const size_t bytes = length & 0x7f;
      if (bytes == 0 || bytes > 3 || rest_.size() < 2 + bytes) return false;
      length = 0;
      for (size_t i = 0; i < bytes; ++i) length = length << 8 | static_cast<uint8_t>(rest_[2 + i]);
      if (length < 0x80 || length >> (8 * (bytes - 1)) == 0) return false;
      head += bytes;
    }
    if (rest_.size() - head < length) return false;
    if (content != nullptr) *content = rest_.substr(head, length);
    if (whole != nullptr) *whole = rest_.substr(0, head + length);
    rest_.remove_prefix(head + length);
    return true;
  }

  // Takes exactly these bytes.
  bool TakeExactly(absl::string_view bytes) {
    if (rest_.substr(0, bytes.size()) != bytes) return false;
    rest_.remove_prefix(bytes.size());
    return true;
  }

  bool StartsWith(uint8_t tag) const {
    return !rest_.empty() && static_cast<uint8_t>(rest_[0]) == tag;
  }

  absl::string_view rest() const { return rest_; }

 private:
  absl::string_view rest_;
};

// SHA-256, -384 or -512, with or without NULL; gives the last number of its identifier.
bool DigestAlgorithm(absl::string_view algorithm, char* which) {
  if (algorithm.substr(0, kSha2.size()) != kSha2 || algorithm.size() < kSha2.size() + 1) {
    return false;
  }
  *which = algorithm[kSha2.size()];
  algorithm.remove_prefix(kSha2.size() + 1);
  return *which >= 1 && *which <= 3 && (algorithm.empty() || algorithm == kNull);
}

// ECDSA or RSA with that digest; OpenSSL itself goes by the key and does not look here.
bool SignatureAlgorithm(absl::string_view algorithm, char digest) {
  if (algorithm.substr(0, kEcdsaSha2.size()) == kEcdsaSha2) {
    algorithm.remove_prefix(kEcdsaSha2.size());
    return algorithm.size() == 1 && algorithm[0] == digest + 1;
  }
  if (algorithm.substr(0, kRsaPkcs1.size()) == kRsaPkcs1) {
    algorithm.remove_prefix(kRsaPkcs1.size());
    return algorithm.size() == 3 && algorithm.substr(1) == kNull &&
           (algorithm[0] == 1 || algorithm[0] == digest + 10);
  }
  return false;
}

// The content of a certificate's IssuerAndSerialNumber, byte for byte as the certificate has it.
bool IssuerAndSerial(absl::string_view certificate, std::string* content) {
  absl::string_view in, serial, issuer;
  Der outer(certificate);
  if (!outer.Take(kSequence, &in)) return false;
  Der signed_part(in);
  if (!signed_part.Take(kSequence, &in)) return false;
  Der fields(in);
  if (fields.StartsWith(kContext0) && !fields.Take(kContext0, nullptr)) return false;  // version
  if (!fields.Take(kInteger, nullptr, &serial) || !fields.Take(kSequence, nullptr) ||
      !fields.Take(kSequence, nullptr, &issuer)) {
    return false;
  }
  *content = absl::StrCat(issuer, serial);
  return true;
}

// The signed attributes, each with one value. What is signed is their encoding as OpenSSL makes it
// anew, which forgives some tags; so the tags are looked at here.
bool PlainAttributes(absl::string_view attributes) {
  absl::string_view in;
  for (Der all(attributes); !all.empty();) {
    if (!all.Take(kSequence, &in)) return false;
    Der attribute(in);
    if (!attribute.Take(kObjectId, nullptr) || !attribute.Take(kSet, &in) || !attribute.empty()) {
      return false;
    }
    Der value(in);
    bool taken = false;
    for (const uint8_t tag : {kObjectId, kOctets, kUtcTime, kGeneralizedTime, kSequence}) {
      taken = taken || value.Take(tag, nullptr);
    }
    if (!taken || !value.empty()) return false;
  }
  return true;
}

// Whether the response has the narrow form; collects the certificates it carries and how it names
// its signer.
bool ReadForm(absl::string_view response, std::vector<absl::string_view>* certificates,
              absl::string_view* issuer_and_serial) {
  absl::string_view in, digest_set, digests, encapsulated, signers, signer, digest, signature;
  Der outer(response);
  if (!outer.Take(kSequence, &in) || !outer.empty()) return false;
  Der resp(in);
  if (!resp.TakeExactly(kGranted) || !resp.Take(kSequence, &in) || !resp.empty()) return false;
  Der content_info(in);
  if (!content_info.TakeExactly(kSignedData) || !content_info.Take(kContext0, &in) ||
      !content_info.empty()) {
    return false;
  }
  Der explicit_data(in);
  if (!explicit_data.Take(kSequence, &in) || !explicit_data.empty()) return false;
  Der data(in);
  if (!data.TakeExactly(kVersion3) || !data.Take(kSet, &digest_set) ||
      !data.Take(kSequence, &encapsulated)) {
    return false;
  }
  if (data.StartsWith(kContext0)) {
    if (!data.Take(kContext0, &in)) return false;
    for (Der held(in); !held.empty();) {
      if (!held.Take(kSequence, nullptr, &certificates->emplace_back())) return false;
    }
  }
  if (!data.Take(kSet, &signers) || !data.empty()) return false;  // no lists of revoked ones

  Der set(digest_set);
  if (!set.Take(kSequence, &digests) || !set.empty()) return false;
  Der content(encapsulated);
  absl::string_view info;
  if (!content.TakeExactly(kTstInfo) || !content.Take(kContext0, &in) || !content.empty()) {
    return false;
  }
  Der octets(in);
  if (!octets.Take(kOctets, &info) || !octets.empty()) return false;

  Der one(signers);
  if (!one.Take(kSequence, &signer) || !one.empty()) return false;
  Der fields(signer);
  absl::string_view attributes, value;
  if (!fields.TakeExactly(kVersion1) || !fields.Take(kSequence, issuer_and_serial) ||
      !fields.Take(kSequence, &digest) || !fields.Take(kContext0, &attributes) ||
      !fields.Take(kSequence, &signature) || !fields.Take(kOctets, &value) || !fields.empty()) {
    return false;  // unsigned attributes would follow
  }
  char which = 0;
  return PlainAttributes(attributes) && digests == digest && DigestAlgorithm(digest, &which) &&
         SignatureAlgorithm(signature, which);
}

std::string Sequence(absl::string_view content) {
  std::string length;
  for (size_t rest = content.size(); rest > 0; rest >>= 8) {
    length.insert(length.begin(), static_cast<char>(rest & 0xff));
  }
  std::string out(1, static_cast<char>(kSequence));
  if (content.size() < 0x80) {
    out.push_back(static_cast<char>(content.size()));
  } else {
    out.push_back(static_cast<char>(0x80 | length.size()));
    out += length;
  }
  out.append(content.data(), content.size());
  return out;
}

base::Error Bad(absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_TIME_STAMP", text);
}

}  // namespace

absl::StatusOr<std::string> NarrowResponse(absl::string_view response) {
  EGOV_ASSIGN_OR_RETURN(const std::string token, pki::TokenOfResponse(response));
  return Sequence(std::string(kGranted) + token);
}

absl::StatusOr<Stamp> VerifyStamp(absl::string_view response, absl::string_view stamped_bytes,
                                  absl::optional<uint64_t> nonce, const pki::ChainVerifier& trust,
                                  const std::vector<pki::Certificate>& others) {
  std::vector<absl::string_view> held;
  absl::string_view issuer_and_serial;
  if (!ReadForm(response, &held, &issuer_and_serial)) {
    return Bad("the time-stamp response has parts that nobody signed");
  }
  std::vector<pki::Certificate> candidates = others;
  for (const absl::string_view der : held) {
    EGOV_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::FromDer(der));
    candidates.push_back(certificate);
  }
  EGOV_ASSIGN_OR_RETURN(
      pki::TimeStamp stamp,
      pki::VerifyTimeStamp(response, pki::Sha256Of(stamped_bytes), nonce, trust, candidates));
  // OpenSSL compares names without regard to case.
  std::string signer;
  if (!IssuerAndSerial(stamp.certificate.ToDer(), &signer) || signer != issuer_and_serial) {
    return Bad("the time-stamp response names its signer in other bytes than the certificate");
  }
  EGOV_ASSIGN_OR_RETURN(
      std::vector<pki::Certificate> chain,
      trust.Verify(stamp.certificate, candidates, pki::Purpose::kTimeStamp, stamp.time));
  for (size_t i = others.size(); i < candidates.size(); ++i) {
    const auto is = [&](const pki::Certificate& other) { return other == candidates[i]; };
    if (std::none_of(chain.begin(), chain.end(), is) &&
        std::none_of(trust.anchors().begin(), trust.anchors().end(), is)) {
      return Bad("the time-stamp response carries a certificate that it does not need");
    }
  }
  return Stamp{std::move(stamp), std::move(chain)};
}

}  // namespace egov::proof
