// What is read of a bundle by hand is what protobuf reads, and lies within the bytes.
#include <cstdint>
#include <cstdlib>

#include "egov/exchange/v1/bundle_service.pb.h"
#include "libs/exchange/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto bundle = egov::exchange::ReadBundle(bytes);
  if (!bundle.ok()) return 0;
  egov::exchange::v1::CallBundleRequest request;
  if (bundle->calls.empty() || bundle->calls.size() > egov::exchange::kMaxBundle) std::abort();
  // A method that is not UTF-8 is none that anybody serves; protobuf refuses it earlier.
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  if (request.method() != bundle->method ||
      static_cast<size_t>(request.calls_size()) != bundle->calls.size()) {
    std::abort();
  }
  for (int i = 0; i < request.calls_size(); ++i) {
    const auto& read = bundle->calls[i];
    const auto& parsed = request.calls(i);
    if (parsed.header() != read.header || parsed.salt() != read.salt ||
        parsed.end_user() != read.end_user || parsed.message() != read.message) {
      std::abort();
    }
  }
  return 0;
}
