// A ZIP file's own account of itself (APPNOTE.TXT 6.3): read strictly, so that libzip and any other
// reader find the same entries in the same bytes; and one entry added behind the others. Not for
// others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_ZIP_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_ZIP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/signature/container.h"

namespace egov::signature::internal {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint64_t packed = 0, size = 0;
  uint32_t crc = 0;
  uint64_t offset = 0;  // of its local header
  uint16_t extra = 0;   // bytes of extra field in the local header
};

struct ZipDirectory {
  std::vector<ZipEntry> entries;  // as the central directory orders them
  uint64_t begin = 0;             // of the central directory
  std::string central;            // its bytes
  std::string comment;
};

// `size` bytes from `offset`; empty when they are not there.
using ReadAt = std::function<std::string(uint64_t offset, size_t size)>;

// Reads the directory of a ZIP of `size` bytes. Local headers must say what the directory says,
// entries must lie one behind the other without sharing bytes, the first at 0. Errors: see
// Container::Open.
absl::StatusOr<ZipDirectory> ReadZipDirectory(uint64_t size, const ReadAt& read,
                                              const ContainerLimits& limits);

// What stands at `directory.begin` once a deflated entry has been added: its local header and data,
// the directory as it was, its directory record, the end record.
absl::StatusOr<std::string> ZipTailWith(const ZipDirectory& directory, absl::string_view name,
                                        absl::string_view content);

absl::Status BadContainer(absl::string_view reason, absl::string_view text);

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_ZIP_H_
