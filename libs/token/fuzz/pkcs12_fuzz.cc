// A file comes from anywhere: reading it may only fail, and what is changed fails unless it says
// the same. The seeds' password is "password"; they have few iterations, so that mutations are
// fast.
#include <cstdint>
#include <cstdlib>

#include "libs/token/pkcs12.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov;  // NOLINT: a fuzz target has no other names
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto carrier = token::Pkcs12::Decode(bytes, pki::Secret("password"));
  if (!carrier.ok()) return 0;
  for (const token::Use use : {token::Use::kAuthentication, token::Use::kSignature}) {
    const auto certificate = carrier->Certificate(use);
    if (certificate.ok() && token::UseOf(*certificate) != use) std::abort();
  }
  return 0;
}
