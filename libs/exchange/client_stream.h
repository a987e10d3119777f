// The caller's side of a stream of windows. Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_CLIENT_STREAM_H_
#define EGOV_LIBS_EXCHANGE_CLIENT_STREAM_H_

#include <functional>
#include <memory>
#include <string>

#include "libs/exchange/client.h"
#include "libs/exchange/receipts.h"
#include "libs/exchange/seals.h"
#include "libs/rpc/channel.h"

namespace egov::exchange {

// What a stream uses of its client, which outlives it.
struct StreamParts {
  rpc::Channels* channels;
  const pki::PrivateKey* seal_key;
  ReceiptChecker* receipts;
  const base::Clock* clock;
  std::string audience;
  std::string caller;
  pki::Digest seal_certificate;
  std::string seal_certificate_der;
  absl::Duration patience;      // for the connection
  std::function<void()> noted;  // a receipt was verified
};

absl::StatusOr<std::unique_ptr<Stream>> OpenClientStream(StreamParts parts,
                                                         const std::string& method, Purpose purpose,
                                                         absl::Duration timeout);

// Everything of a header that does not depend on its place: id, time, purpose, items (sorted
// before), end user.
void FillHeader(const Purpose& purpose, absl::string_view salt, absl::Time now,
                egov::exchange::v1::Header* header);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_CLIENT_STREAM_H_
