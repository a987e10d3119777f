// Bytes that nobody should see: overwritten when they go, never printed, never copied by accident.
//
// Thread safety: a value; const use from many threads is fine. Cost: one allocation.
#ifndef EGOV_LIBS_PKI_SECRET_H_
#define EGOV_LIBS_PKI_SECRET_H_

#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"

namespace egov::pki {

class Secret {
 public:
  Secret() = default;

  // Copies `bytes`; wiping the original is up to its owner.
  explicit Secret(absl::string_view bytes);

  // `size` bytes from the system's generator.
  static Secret Random(size_t size);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;  // say Clone() when a second copy is meant
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret Clone() const { return Secret(Reveal()); }

  // The bytes, valid as long as this object; the name is there to be searched for.
  absl::string_view Reveal() const { return absl::string_view(bytes_.get(), size_); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Compares in time that depends on the length only.
  bool Equals(absl::string_view other) const;

 private:
  void Wipe();

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
};

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_SECRET_H_
