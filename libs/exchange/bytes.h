// Between gRPC's buffers and strings, and the framing of windows. Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_BYTES_H_
#define EGOV_LIBS_EXCHANGE_BYTES_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "egov/exchange/v1/exchange.pb.h"

namespace egov::exchange {

constexpr size_t kMaxPartBytes = size_t{1} << 20;
constexpr size_t kMaxParts = 4096;
constexpr size_t kMaxWindowBytes = size_t{16} << 20;

constexpr char kBundleService[] = "egov.exchange.v1.BundleService";
constexpr char kCallBundle[] = "/egov.exchange.v1.BundleService/CallBundle";

// Metadata keys.
constexpr char kHeaderKey[] = "egov-header-bin";
constexpr char kSaltKey[] = "egov-salt-bin";
constexpr char kUserKey[] = "egov-user-bin";
constexpr char kReceiptKey[] = "egov-receipt-bin";
constexpr char kCertificateKey[] = "egov-certificate-bin";

inline std::string ToString(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.TrySingleSlice(&slice).ok() && !buffer.DumpToSingleSlice(&slice).ok())
    return std::string();
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

// False when the bytes are not such a message.
inline bool ParseFrom(const grpc::ByteBuffer& buffer, google::protobuf::MessageLite* message) {
  grpc::Slice slice;
  if (!buffer.TrySingleSlice(&slice).ok() && !buffer.DumpToSingleSlice(&slice).ok()) return false;
  return message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

inline grpc::ByteBuffer ToBuffer(absl::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

// Field 15, length-delimited: how every message of a stream that ends a window begins, and nothing
// else does.
constexpr char kEndTag = 0x7a;

// A stream message that ends a window.
std::string EndMessage(const egov::exchange::v1::WindowEnd& end);
// Whether the message ends a window; then `end` is what it says. INVALID_ARGUMENT BAD_WINDOW when
// it says more than that.
bool IsEnd(absl::string_view message);
absl::Status ParseEnd(absl::string_view message, egov::exchange::v1::WindowEnd* end);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_BYTES_H_
