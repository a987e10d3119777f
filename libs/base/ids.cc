#include "libs/base/ids.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "libs/base/bytes.h"

namespace egov::base {
namespace {

// One system call fetches enough for many ids: a call needs several (message id, salts).
constexpr size_t kPool = 1024;

void FromKernel(char* out, size_t size) {
  while (size > 0) {
    const ssize_t got = getrandom(out, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      abort();
    }
    out += got;
    size -= static_cast<size_t>(got);
  }
}

class RandomIds final : public Ids {
 public:
  std::string NewUuid() override { return base::NewUuid(); }
};

}  // namespace

void RandomBytes(void* out, size_t size) {
  thread_local char pool[kPool];
  thread_local size_t left = 0;
  char* const bytes = static_cast<char*>(out);
  if (size > kPool / 4) return FromKernel(bytes, size);
  if (left < size) {
    FromKernel(pool, kPool);
    left = kPool;
  }
  left -= size;
  memcpy(bytes, pool + left, size);
  memset(pool + left, 0, size);  // given out once
}

std::string RandomBytes(size_t size) {
  std::string out(size, '\0');
  RandomBytes(&out[0], size);
  return out;
}

std::string NewUuid() {
  std::string bytes = RandomBytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string hex = ToHex(bytes);
  for (const size_t at : {20, 16, 12, 8}) hex.insert(at, 1, '-');
  return hex;
}

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

Ids& Ids::Random() {
  static RandomIds* const ids = new RandomIds;
  return *ids;
}

}  // namespace egov::base
