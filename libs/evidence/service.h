// What egov.evidence.v1.EvidenceService answers, without a transport: libs/exchange binds it.
//
// Thread safety: all methods. Stamp may wait for an authority; the others read.
#ifndef EGOV_LIBS_EVIDENCE_SERVICE_H_
#define EGOV_LIBS_EVIDENCE_SERVICE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "libs/evidence/log.h"
#include "libs/evidence/stamper.h"
#include "libs/pki/certificate.h"

namespace egov::evidence {

// Who asks, by his TLS identity.
struct Asker {
  std::string spiffe;      // SPIFFE URI
  bool may_audit = false;  // has the right `audit`
  absl::Time deadline = absl::InfiniteFuture();
};

class EvidenceService {
 public:
  // `stamper` may be null: then only stamps that are there are given. `certificates`: the log's own
  // first, then those of the authorities below the anchors that callers may need.
  EvidenceService(const Log* log, Stamper* stamper, std::vector<pki::Certificate> certificates);

  // NOT_FOUND NO_SUCH_RECORD, also for another's exchange: whether it took place is not told.
  absl::StatusOr<evidence::v1::GetReceiptResponse> GetReceipt(
      const evidence::v1::GetReceiptRequest& request, const Asker& asker) const;

  // NOT_FOUND UNKNOWN_LOG; INVALID_ARGUMENT BAD_SIZE.
  absl::StatusOr<evidence::v1::GetConsistencyResponse> GetConsistency(
      const evidence::v1::GetConsistencyRequest& request, const Asker& asker) const;

  // Open to every caller: hashes tell nothing about records. Without a stamp that is older than the
  // first record the response has no `before`. UNKNOWN_LOG, INVALID_ARGUMENT BAD_INDEXES, and the
  // errors of Stamper::StampNow.
  absl::StatusOr<evidence::v1::StampResponse> Stamp(const evidence::v1::StampRequest& request,
                                                    const Asker& asker) const;

  // No digest asks for the log's own certificates: the one in use, then all that it had before
  // (Log::KeepOwnCertificates), newest first, with their issuers. What is not known is left out.
  // INVALID_ARGUMENT TOO_MANY, BAD_DIGEST.
  absl::StatusOr<evidence::v1::GetCertificatesResponse> GetCertificates(
      const evidence::v1::GetCertificatesRequest& request, const Asker& asker) const;

  // PERMISSION_DENIED NO_RIGHT without the right; UNKNOWN_LOG; INVALID_ARGUMENT BAD_PAGE_SIZE.
  absl::StatusOr<evidence::v1::ListEntriesResponse> ListEntries(
      const evidence::v1::ListEntriesRequest& request, const Asker& asker) const;

 private:
  absl::Status CheckOrigin(const std::string& origin) const;
  const pki::Certificate* Issuer(const pki::Certificate& of) const;

  const Log* const log_;
  Stamper* const stamper_;
  const std::vector<pki::Certificate> certificates_;
};

}  // namespace egov::evidence

#endif  // EGOV_LIBS_EVIDENCE_SERVICE_H_
