// National identifiers, {scheme, value}: one interface for all of them.
//
//   "ee-isikukood"   11 digits G YYMMDD SSS C (EVS 585:2007): sex and century, birth date, serial,
//   check digit "nl-bsn"         9 digits with the eleven test (burgerservicenummer)
//
// An identifier is opaque: a register keeps sex and birth date apart and never derives them,
// because people change both and countries change their rules. What a value claims about its holder
// (`ClaimsOf`) is a hint, for a clerk's screen.
//
// Values are compared byte for byte, so each has exactly one form. A BSN is nine digits: one of
// eight, from a system that lost the leading zero, is BAD_LENGTH; who imports such data pads it
// there, where it is known that zeros were lost. 000000000 passes the eleven test but stands for
// "no number" in the Dutch base register, so it is refused.
//
// Errors: INVALID_ARGUMENT with one of the reasons below and a fixed text; the value is never in
// it. Thread safety: schemes are immutable and live as long as the process. Cost: Examine and Pack
// take about 10 ns and never allocate; a Status is only allocated for a value that is refused.
#ifndef EGOV_LIBS_IDENTIFIERS_IDENTIFIERS_H_
#define EGOV_LIBS_IDENTIFIERS_IDENTIFIERS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/civil/date.h"

namespace egov::identifiers {

// What is wrong with a value; the first that applies, in this order.
enum class Fault : uint8_t {
  kNone,
  kBadLength,
  kBadCharacter,
  kBadFirstDigit,
  kBadDate,
  kBadCheckDigit,
};

// "BAD_LENGTH" ...; "" for kNone. Part of the contract.
absl::string_view ReasonOf(Fault fault);
// The fault as an error; OK for kNone.
absl::Status ToStatus(Fault fault);

class Scheme {
 public:
  virtual ~Scheme() = default;

  // The name that stands in {scheme, value}.
  virtual absl::string_view name() const = 0;

  // Whether the value is well formed, and if so its packed form: an integer that is below 2^40 and
  // orders as the values do, so that half a million of them can be sorted and compared as numbers.
  // `packed` is unchanged when there is a fault.
  virtual Fault Pack(absl::string_view value, uint64_t* packed) const = 0;
  // The value of a number made by Pack.
  virtual std::string Unpack(uint64_t packed) const = 0;

  // The same rules without the number.
  Fault Examine(absl::string_view value) const {
    uint64_t packed;
    return Pack(value, &packed);
  }
  absl::Status Check(absl::string_view value) const { return ToStatus(Examine(value)); }

  // Check, and BAD_DATE when the value claims a birth after `today`. (81205280108 is well formed
  // and born in 2112.)
  virtual Fault ExamineIssued(absl::string_view value, civil::Date today) const = 0;
  absl::Status CheckIssued(absl::string_view value, civil::Date today) const {
    return ToStatus(ExamineIssued(value, today));
  }
};

const Scheme& Isikukood();
const Scheme& Bsn();

// The scheme with this name, or nullptr.
const Scheme* Find(absl::string_view name);

enum class Sex : uint8_t { kMale, kFemale };

// What an isikukood says about its holder. A hint: see above.
struct Claims {
  Sex sex = Sex::kMale;
  civil::Date birth_date;
};
absl::StatusOr<Claims> ClaimsOf(absl::string_view isikukood);

// The isikukood of serial number 0..999 among those of this sex born on this day (1800..2199);
// INVALID_ARGUMENT BAD_SERIAL or BAD_DATE outside. For registers that assign codes, and for
// invented people.
absl::StatusOr<std::string> MakeIsikukood(Sex sex, civil::Date birth_date, int serial);

// The BSN with these first eight digits as a number, 1..99999999; INVALID_ARGUMENT BAD_SERIAL
// outside, and for the one in eleven that has no check digit.
absl::StatusOr<std::string> MakeBsn(uint32_t first_eight);

}  // namespace egov::identifiers

#endif  // EGOV_LIBS_IDENTIFIERS_IDENTIFIERS_H_
