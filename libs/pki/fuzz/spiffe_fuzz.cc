// An identity that parses has exactly one spelling of each kind.
#include <cstdint>
#include <cstdlib>

#include "libs/pki/spiffe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using egov::pki::SpiffeId;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto from_uri = SpiffeId::Parse(text);
  if (from_uri.ok()) {
    if (from_uri->ToUri() != text) std::abort();
    const auto back = SpiffeId::FromXRoad(from_uri->ToXRoad());
    if (!back.ok() || *back != *from_uri) std::abort();
  }
  const auto from_xroad = SpiffeId::FromXRoad(text);
  if (from_xroad.ok()) {
    if (from_xroad->ToXRoad() != text) std::abort();
    const auto back = SpiffeId::Parse(from_xroad->ToUri());
    if (!back.ok() || *back != *from_xroad) std::abort();
  }
  return 0;
}
