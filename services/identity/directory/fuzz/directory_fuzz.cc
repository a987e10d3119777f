// A directory comes from the network: reading one may fail, and none without our signatures may be
// believed.
#include <cstdint>
#include <cstdlib>

#include "services/identity/directory/directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov;            // NOLINT: a fuzz target has no other names
  using namespace egov::identity;  // NOLINT
  static const auto* keys = new DirectoryKeys{{pki::PrivateKey::Generate()->public_key()}, 1};
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  directory::v1::SignedDirectory signed_directory;
  if (signed_directory.ParseFromArray(data, static_cast<int>(size)) &&
      VerifyDirectory(signed_directory, *keys, absl::FromUnixSeconds(1800000000), 0,
                      absl::InfiniteDuration())
          .ok()) {
    std::abort();
  }
  directory::v1::Directory directory;
  if (directory.ParseFromArray(data, static_cast<int>(size)) && CheckDirectory(directory).ok()) {
    // What holds together can be written as JSON and read again.
    const auto again = DirectoryFromJson(DirectoryToJson(directory));
    if (!again.ok() || !PrepareDirectory(*again).ok()) std::abort();
  }
  (void)DirectoryFromJson(bytes);
  return 0;
}
