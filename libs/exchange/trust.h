// Whose signature it is: certificates of seals and logs, checked against the anchors, their
// authorities and the newest revocation lists, remembered by fingerprint.
//
// Files are read again by Reload (the owner calls it when they may have changed); what was verified
// is verified anew after it, so a revoked seal is refused at its owner's next call.
//
// Thread safety: any thread. Cost: a hash look-up; about 300 µs for a certificate that was not met
// before.
#ifndef EGOV_LIBS_EXCHANGE_TRUST_H_
#define EGOV_LIBS_EXCHANGE_TRUST_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/pki/crl.h"
#include "libs/pki/sha256.h"
#include "libs/pki/verify.h"

namespace egov::exchange {

struct TrustFiles {
  std::string anchors;        // PEM, required
  std::string authorities;    // PEM; empty: none
  std::string crl_directory;  // PEM files; empty: none
};

// A certificate that was found good.
struct Signer {
  pki::Certificate certificate;
  std::vector<pki::Certificate> chain;  // leaf first, anchor last
  std::string spiffe;
  absl::optional<pki::Crl> revocation;  // the list by which it was found good, when there is one
  // Set once certificates and list are kept in the log, so that they are not handed to it again.
  std::shared_ptr<std::atomic<bool>> kept = std::make_shared<std::atomic<bool>>(false);
};

class Trust {
 public:
  static absl::StatusOr<std::unique_ptr<Trust>> Open(TrustFiles files);

  // Reads the files again. On an error what was read before stays in force.
  absl::Status Reload();

  // The signer of that fingerprint, for a purpose, now. `der` is its certificate as far as the
  // caller has it, empty when not. UNAUTHENTICATED UNKNOWN_SEAL_CERTIFICATE when neither side has
  // it; else the errors of pki::ChainVerifier.
  absl::StatusOr<std::shared_ptr<const Signer>> Find(const pki::Digest& fingerprint,
                                                     absl::string_view der, pki::Purpose purpose,
                                                     absl::Time now);

  // The same for a certificate at hand.
  absl::StatusOr<std::shared_ptr<const Signer>> Check(const pki::Certificate& certificate,
                                                      pki::Purpose purpose, absl::Time now);

  // The authorities between certificates and anchors, and what verifies by the anchors now.
  std::vector<pki::Certificate> authorities() const;
  std::shared_ptr<const pki::ChainVerifier> verifier() const;

 private:
  // One reading of the files, and what was verified by it.
  struct Generation;
  explicit Trust(TrustFiles files) : files_(std::move(files)) {}
  absl::StatusOr<std::shared_ptr<Generation>> Read() const;
  std::shared_ptr<Generation> current() const;

  const TrustFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<Generation> current_;
};

// The bytes of a file. NOT_FOUND UNREADABLE_FILE names `what`, the configuration's word for it, and
// the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, absl::string_view what);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_TRUST_H_
