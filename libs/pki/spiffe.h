// Who someone is: one subsystem of one member of one instance.
//
// The same identity has two spellings:
//   X-Road   ee/GOV/70000310/pensions               what people and rights write
//   SPIFFE   spiffe://ee/GOV/70000310/pensions      what certificates carry (SPIFFE-ID section 2;
//   the trust domain is
//                                                   the instance)
//
// The escape rule. SPIFFE allows A-Z a-z 0-9 . - _ in a path segment and a-z 0-9 . - _ in a trust
// domain; X-Road allows nearly everything. A byte (of UTF-8) that SPIFFE does not allow in its
// place, and the full stop itself, is written as a full stop and two lower-case hexadecimal digits:
// "my sub" is "my.20sub", "v1.2" is "v1.2e2", instance "EE" is
// ".45.45". Nothing else is escaped, so each identity has exactly one spelling of each kind and
// spellings can be compared as bytes; the segments "." and ".." cannot arise. The escaped spelling
// also serves as a name of a signed note's key.
//
// Refused in a part, as X-Road refuses them: empty, "/" ":" ";" "\" "%", "." and "..", control
// characters (C0, C1), zero-width space, byte-order mark, malformed UTF-8. A URI has at most 2,048
// bytes, its trust domain at most 255.
//
// Thread safety: values. Cost: parsing about 0.3 us.
#ifndef EGOV_LIBS_PKI_SPIFFE_H_
#define EGOV_LIBS_PKI_SPIFFE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::pki {

class SpiffeId {
 public:
  // Names nobody: ToUri() is empty. Equal only to itself.
  SpiffeId() = default;

  // All fail with INVALID_ARGUMENT/BAD_SPIFFE_ID and say in the text which rule was broken.
  static absl::StatusOr<SpiffeId> Parse(absl::string_view uri);
  static absl::StatusOr<SpiffeId> FromXRoad(absl::string_view text);
  static absl::StatusOr<SpiffeId> Make(absl::string_view instance, absl::string_view member_class,
                                       absl::string_view member, absl::string_view subsystem);

  // The parts as X-Road knows them, not escaped.
  const std::string& instance() const { return instance_; }
  const std::string& member_class() const { return member_class_; }
  const std::string& member() const { return member_; }
  const std::string& subsystem() const { return subsystem_; }
  bool empty() const { return uri_.empty(); }

  const std::string& ToUri() const { return uri_; }
  std::string ToXRoad() const;
  // The URI without "spiffe://"; valid as long as this object.
  absl::string_view Escaped() const;

  // Whether both are subsystems of the same member.
  bool SameMember(const SpiffeId& other) const;

  friend bool operator==(const SpiffeId& a, const SpiffeId& b) { return a.uri_ == b.uri_; }
  friend bool operator!=(const SpiffeId& a, const SpiffeId& b) { return a.uri_ != b.uri_; }
  friend bool operator<(const SpiffeId& a, const SpiffeId& b) { return a.uri_ < b.uri_; }
  template <typename H>
  friend H AbslHashValue(H h, const SpiffeId& id) {
    return H::combine(std::move(h), id.uri_);
  }

 private:
  std::string uri_, instance_, member_class_, member_, subsystem_;
};

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_SPIFFE_H_
