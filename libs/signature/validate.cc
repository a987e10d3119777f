#include "libs/signature/validate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/signature/internal/digest.h"
#include "libs/signature/internal/judge.h"
#include "libs/signature/internal/xades.h"
#include "libs/signature/internal/xmldsig.h"

namespace egov::signature {

using internal::Failed;
using internal::Open;
using internal::XadesSignature;

namespace {

// The value, the references, and that they are what this container holds (clauses 5.2.7, 5.2.8).
absl::optional<Verdict> JudgeValue(const XadesSignature& signature, const Container& container,
                                   const pki::Certificate& signer) {
  if (!internal::IsSignatureAlgorithm(signature.signature_algorithm)) {
    return Open(SubIndication::kCryptoConstraintsFailureNoPoe, "ALGORITHM_NOT_ACCEPTED",
                "its signature method is weak or unknown");
  }
  for (const std::string& algorithm : signature.digest_algorithms) {
    if (!internal::HashOfUri(algorithm)) {
      return Open(SubIndication::kCryptoConstraintsFailureNoPoe, "ALGORITHM_NOT_ACCEPTED",
                  "a digest of it is weak or unknown");
    }
  }
  for (const internal::DataReference& reference : signature.data) {
    const auto& files = container.files();
    if (std::none_of(files.begin(), files.end(),
                     [&](const DataFile& file) { return file.name == reference.file; })) {
      return Open(SubIndication::kSignedDataNotFound, "SIGNED_FILE_MISSING",
                  "a file that it signs is not in the container");
    }
  }
  const absl::Status held = internal::CheckXmlSignature(signature, signer, container);
  if (held.ok()) return absl::nullopt;
  const auto detail = base::DetailOf(held);
  if (detail && detail->reason == "BAD_SIGNATURE") {
    return Failed(SubIndication::kSigCryptoFailure, detail->reason, held.message());
  }
  return Failed(SubIndication::kHashFailure, detail ? detail->reason : "", held.message());
}

void DescribeCoverage(const XadesSignature& signature, const Container& container,
                      SignatureReport* report) {
  for (const DataFile& file : container.files()) {
    const auto reference =
        std::find_if(signature.data.begin(), signature.data.end(),
                     [&](const internal::DataReference& r) { return r.file == file.name; });
    if (reference == signature.data.end()) {
      report->uncovered.push_back(file.name);
      continue;
    }
    report->files.push_back(file.name);
    if (reference->media_type != file.media_type) {
      report->warnings.push_back(
          {"MEDIA_TYPE_DIFFERS", "the signature and the manifest give a file different types"});
    }
  }
  if (!report->uncovered.empty()) {
    report->warnings.push_back({"NOT_ALL_FILES_SIGNED",
                                "the container has data files that this signature does not cover"});
  }
}

SignatureReport Judge(const SignatureFile& file, const Container& container,
                      const TrustAnchors& anchors, absl::Time now) {
  SignatureReport report;
  report.name = file.name;
  const auto parsed = internal::ParseSignature(file.xml);
  if (!parsed.ok()) {
    const auto detail = base::DetailOf(parsed.status());
    report.verdict = Failed(SubIndication::kFormatFailure, detail ? detail->reason : "",
                            parsed.status().message());
    return report;
  }
  const XadesSignature& signature = *parsed;
  report.id = signature.id;
  report.claimed_time = signature.claimed_time;
  report.roles = signature.roles;
  report.place = {signature.city, signature.region, signature.postal_code, signature.country};
  DescribeCoverage(signature, container, &report);
  const auto warn = [&](bool when, absl::string_view code, absl::string_view text) {
    if (when) report.warnings.push_back({std::string(code), std::string(text)});
  };
  warn(!signature.claimed_time, "NO_CLAIMED_TIME", "the signer claims no time");
  warn(signature.has_archive_time_stamp, "ARCHIVE_TIME_STAMP_NOT_CHECKED",
       "its archive time-stamps were not looked at");
  warn(signature.has_unread_properties, "UNKNOWN_PROPERTIES",
       "it has unsigned properties that were not looked at");

  report.signer = internal::SignerOf(signature);
  if (!report.signer) {
    report.verdict = Open(SubIndication::kNoSigningCertificateFound, "NO_SIGNING_CERTIFICATE",
                          "the certificate that it names is not in it, or named by a weak digest");
    return report;
  }
  report.qc_statements = QcStatementsOf(*report.signer);
  if (const auto wrong = JudgeValue(signature, container, *report.signer)) {
    report.verdict = *wrong;
    return report;
  }
  report.verdict = internal::JudgeTrust(signature, *report.signer, anchors, now, &report);
  return report;
}

}  // namespace

absl::string_view IndicationName(Indication indication) {
  switch (indication) {
    case Indication::kTotalPassed:
      return "TOTAL_PASSED";
    case Indication::kTotalFailed:
      return "TOTAL_FAILED";
    case Indication::kIndeterminate:
      break;
  }
  return "INDETERMINATE";
}

absl::string_view SubIndicationName(SubIndication sub_indication) {
  switch (sub_indication) {
    case SubIndication::kNone:
      return "";
    case SubIndication::kFormatFailure:
      return "FORMAT_FAILURE";
    case SubIndication::kHashFailure:
      return "HASH_FAILURE";
    case SubIndication::kSigCryptoFailure:
      return "SIG_CRYPTO_FAILURE";
    case SubIndication::kNotYetValid:
      return "NOT_YET_VALID";
    case SubIndication::kSignedDataNotFound:
      return "SIGNED_DATA_NOT_FOUND";
    case SubIndication::kNoSigningCertificateFound:
      return "NO_SIGNING_CERTIFICATE_FOUND";
    case SubIndication::kNoCertificateChainFound:
      return "NO_CERTIFICATE_CHAIN_FOUND";
    case SubIndication::kChainConstraintsFailure:
      return "CHAIN_CONSTRAINTS_FAILURE";
    case SubIndication::kCertificateChainGeneralFailure:
      return "CERTIFICATE_CHAIN_GENERAL_FAILURE";
    case SubIndication::kCryptoConstraintsFailureNoPoe:
      return "CRYPTO_CONSTRAINTS_FAILURE_NO_POE";
    case SubIndication::kSigConstraintsFailure:
      return "SIG_CONSTRAINTS_FAILURE";
    case SubIndication::kTimestampOrderFailure:
      return "TIMESTAMP_ORDER_FAILURE";
    case SubIndication::kOutOfBoundsNoPoe:
      return "OUT_OF_BOUNDS_NO_POE";
    case SubIndication::kRevokedNoPoe:
      return "REVOKED_NO_POE";
    case SubIndication::kTryLater:
      return "TRY_LATER";
  }
  return "";
}

absl::string_view LevelName(Level level) {
  switch (level) {
    case Level::kNone:
      return "";
    case Level::kB:
      return "XAdES-BASELINE-B";
    case Level::kT:
      return "XAdES-BASELINE-T";
    case Level::kLt:
      return "XAdES-BASELINE-LT";
  }
  return "";
}

bool Report::passed() const {
  return !signatures.empty() &&
         std::all_of(signatures.begin(), signatures.end(), [](const SignatureReport& signature) {
           return signature.verdict.passed() && signature.uncovered.empty();
         });
}

absl::StatusOr<Report> Validate(const Container& container, const TrustAnchors& anchors,
                                absl::Time now) {
  if (anchors.authorities.empty() || anchors.time_stamping.empty()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "NO_ANCHOR",
                       "anchors of authorities or of time-stamps are missing");
  }
  Report report;
  for (const SignatureFile& file : container.signatures()) {
    report.signatures.push_back(Judge(file, container, anchors, now));
  }
  return report;
}

}  // namespace egov::signature
