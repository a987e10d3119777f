// Gathers what a third party needs: stamps around the records, certificates, revocation lists.
// Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_PROVE_H_
#define EGOV_LIBS_EXCHANGE_PROVE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "egov/evidence/v1/evidence.pb.h"
#include "libs/exchange/client.h"
#include "libs/pki/certificate.h"

namespace egov::exchange {

// `anchors`: what the verifier trusts.
absl::StatusOr<egov::evidence::v1::EvidenceFile> BuildEvidence(
    Client& client, const std::vector<pki::Certificate>& anchors,
    absl::Span<const Exchange> windows, bool with_content, absl::Duration timeout);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_PROVE_H_
