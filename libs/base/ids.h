// Random identifiers from the system's generator.
#ifndef EGOV_LIBS_BASE_IDS_H_
#define EGOV_LIBS_BASE_IDS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace egov::base {

// Fills the buffer from getrandom(2). Never fails: a machine without entropy stops here, as it should. Thread safe.
void RandomBytes(void* out, size_t size);

// `size` random bytes as a string.
std::string RandomBytes(size_t size);

// A random (version 4) UUID in its usual form of 36 characters (RFC 9562 section 5.4).
std::string NewUuid();

// Whether `text` is a UUID of any version: 8-4-4-4-12 hexadecimal digits.
bool IsUuid(absl::string_view text);

// Makes the ids of commands; injected, so that tests can know them beforehand. Thread safe.
class Ids {
 public:
  virtual ~Ids() = default;
  virtual std::string NewUuid() = 0;

  static Ids& Random();
};

}  // namespace egov::base

#endif  // EGOV_LIBS_BASE_IDS_H_
