#include "libs/exchange/trust.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;

// Strangers can make us verify certificates; what is remembered is bounded, and rarely full.
constexpr size_t kMostSigners = 65536;

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, absl::string_view what) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  if (!in || !(out << in.rdbuf())) {
    return Error(StatusCode::kNotFound, "UNREADABLE_FILE",
                 absl::StrCat("cannot read ", what, " from ", path))
        .Field(what)
        .Expected("the path of a file that this process may read");
  }
  return out.str();
}

struct Trust::Generation {
  explicit Generation(pki::ChainVerifier verifier) : verifier(std::move(verifier)) {}
  pki::Digest contents = {};  // of all files, as read
  pki::ChainVerifier verifier;
  std::vector<pki::Certificate> authorities;
  std::vector<pki::Crl> lists;

  std::mutex mutex;
  absl::flat_hash_map<pki::Digest, std::shared_ptr<const Signer>> signers;  // guarded by mutex
};

absl::StatusOr<std::unique_ptr<Trust>> Trust::Open(TrustFiles files) {
  std::unique_ptr<Trust> trust(new Trust(std::move(files)));
  EGOV_RETURN_IF_ERROR(trust->Reload());
  return trust;
}

absl::StatusOr<std::shared_ptr<Trust::Generation>> Trust::Read() const {
  pki::Sha256 contents;
  EGOV_ASSIGN_OR_RETURN(const std::string anchors_pem, ReadFile(files_.anchors, "anchors"));
  contents.Update(pki::Sha256Of(anchors_pem));
  EGOV_ASSIGN_OR_RETURN(std::vector<pki::Certificate> anchors,
                        pki::Certificate::ChainFromPem(anchors_pem));
  std::vector<pki::Certificate> authorities;
  if (!files_.authorities.empty()) {
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(files_.authorities, "authorities"));
    contents.Update(pki::Sha256Of(pem));
    EGOV_ASSIGN_OR_RETURN(authorities, pki::Certificate::ChainFromPem(pem));
  }
  std::vector<pki::Crl> lists;
  if (!files_.crl_directory.empty()) {
    std::error_code failed;
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(files_.crl_directory, failed)) {
      if (entry.is_regular_file(failed) && entry.path().extension() == ".pem")
        paths.push_back(entry.path().string());
    }
    if (failed) {
      return Error(StatusCode::kNotFound, "UNREADABLE_FILE",
                   absl::StrCat("cannot read the directory of revocation lists ",
                                files_.crl_directory))
          .Field("crl_directory");
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, "crl_directory"));
      contents.Update(pki::Sha256Of(pem));
      EGOV_ASSIGN_OR_RETURN(pki::Crl list, pki::Crl::FromPem(pem));
      lists.push_back(std::move(list));
    }
  }
  EGOV_ASSIGN_OR_RETURN(pki::ChainVerifier verifier,
                        pki::ChainVerifier::Create(std::move(anchors), lists));
  auto generation = std::make_shared<Generation>(std::move(verifier));
  generation->contents = contents.Finish();
  generation->authorities = std::move(authorities);
  generation->lists = std::move(lists);
  return generation;
}

absl::Status Trust::Reload() {
  EGOV_ASSIGN_OR_RETURN(std::shared_ptr<Generation> fresh, Read());
  if (const std::shared_ptr<Generation> old = current()) {
    if (old->contents == fresh->contents) return absl::OkStatus();
    // Certificates stay known (their owners do not send them again); only their verification is
    // done anew.
    const std::lock_guard<std::mutex> lock(old->mutex);
    for (const auto& [fingerprint, signer] : old->signers) {
      auto known = std::make_shared<Signer>(*signer);
      known->chain.clear();
      known->kept = std::make_shared<std::atomic<bool>>(false);  // there may be a new list to keep
      fresh->signers[fingerprint] = std::move(known);
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  current_ = std::move(fresh);
  return absl::OkStatus();
}

std::shared_ptr<Trust::Generation> Trust::current() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return current_;
}

absl::StatusOr<std::shared_ptr<const Signer>> Trust::Find(const pki::Digest& fingerprint,
                                                          absl::string_view der,
                                                          pki::Purpose purpose, absl::Time now) {
  const std::shared_ptr<Generation> generation = current();
  std::shared_ptr<const Signer> known;
  {
    const std::lock_guard<std::mutex> lock(generation->mutex);
    const auto it = generation->signers.find(fingerprint);
    if (it != generation->signers.end()) known = it->second;
  }
  if (known != nullptr) {
    const bool verified = !known->chain.empty();
    if (verified && now >= known->certificate.not_before() &&
        now <= known->certificate.not_after()) {
      EGOV_RETURN_IF_ERROR(known->certificate.CheckPurpose(purpose));
      return known;
    }
    return Check(known->certificate, purpose, now);
  }
  if (der.empty()) {
    return Error(StatusCode::kUnauthenticated, "UNKNOWN_SEAL_CERTIFICATE",
                 "the seal certificate is not known here")
        .Expected("the certificate in egov-certificate-bin, until a first call has been answered");
  }
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::FromDer(der));
  if (certificate.fingerprint() != fingerprint) {
    return Error(StatusCode::kUnauthenticated, "UNKNOWN_SEAL_CERTIFICATE",
                 "the certificate sent is not the one that the header names");
  }
  return Check(certificate, purpose, now);
}

absl::StatusOr<std::shared_ptr<const Signer>> Trust::Check(const pki::Certificate& certificate,
                                                           pki::Purpose purpose, absl::Time now) {
  const std::shared_ptr<Generation> generation = current();
  EGOV_ASSIGN_OR_RETURN(
      std::vector<pki::Certificate> chain,
      generation->verifier.Verify(certificate, generation->authorities, purpose, now));
  EGOV_RETURN_IF_ERROR(certificate.SpiffeId().status());
  auto signer = std::make_shared<Signer>(
      Signer{certificate, std::move(chain), certificate.SpiffeId()->ToUri()});
  for (const pki::Crl& list : generation->lists) {
    // The newest that its issuer signed: the one that the verifier has asked.
    if (list.issuer() != certificate.issuer() || signer->chain.size() < 2 ||
        !list.VerifySignature(signer->chain[1]).ok()) {
      continue;
    }
    if (!signer->revocation.has_value() || signer->revocation->this_update() < list.this_update()) {
      signer->revocation = list;
    }
  }
  const std::lock_guard<std::mutex> lock(generation->mutex);
  if (generation->signers.size() < kMostSigners)
    generation->signers[certificate.fingerprint()] = signer;
  return std::shared_ptr<const Signer>(std::move(signer));
}

std::vector<pki::Certificate> Trust::authorities() const { return current()->authorities; }

std::shared_ptr<const pki::ChainVerifier> Trust::verifier() const {
  const std::shared_ptr<Generation> generation = current();
  return std::shared_ptr<const pki::ChainVerifier>(generation, &generation->verifier);
}

}  // namespace egov::exchange
