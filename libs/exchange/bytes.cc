#include "libs/exchange/bytes.h"

#include "google/protobuf/io/coded_stream.h"
#include "libs/base/status.h"
#include "libs/proof/wire.h"

namespace egov::exchange {

std::string EndMessage(const egov::exchange::v1::WindowEnd& end) {
  const std::string body = end.SerializeAsString();
  std::string out(1, kEndTag);
  uint8_t length[10];
  const uint8_t* const stop = google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(
      static_cast<uint32_t>(body.size()), length);
  out.append(reinterpret_cast<const char*>(length), stop - length);
  return out.append(body);
}

bool IsEnd(absl::string_view message) { return !message.empty() && message[0] == kEndTag; }

absl::Status ParseEnd(absl::string_view message, egov::exchange::v1::WindowEnd* end) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  uint32_t length = 0;
  in.Skip(1);
  if (!in.ReadVarint32(&length) || in.CurrentPosition() + size_t{length} != message.size()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_WINDOW",
                       "the message that ends a window holds something else")
        .Field("end")
        .Expected("a message with nothing but `end`");
  }
  return proof::ParseStrictly(message.substr(in.CurrentPosition()), "BAD_WINDOW", end);
}

}  // namespace egov::exchange
