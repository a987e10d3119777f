#include "libs/identifiers/identifiers.h"

#include <cstring>

#include "absl/base/attributes.h"
#include "libs/base/status.h"

namespace egov::identifiers {
namespace {

// The decimal digits of a value of 9 to 11 characters. The first eight are checked, summed and read
// as one word, because going through them one by one costs twice as much as all else together.
// Egov's machines are little endian.
template <int kLength>
class Digits {
 public:
  // False when one of the kLength characters is no digit.
  bool Read(const char* text) {
    static_assert(kLength > 8 && kLength < 12, "one word and a few more");
    uint64_t tail;  // the last eight characters, some of them again: no load of an odd size
    std::memcpy(&word_, text, 8);
    std::memcpy(&tail, text + kLength - 8, 8);
    if (!AllDigits(word_) || !AllDigits(tail)) return false;
    word_ -= 0x3030303030303030;
    high_ = static_cast<uint32_t>((tail - 0x3030303030303030) >> (8 * (16 - kLength)));
    return true;
  }

  int operator[](int i) const {
    return i < 8 ? static_cast<int>(word_ >> (8 * i) & 15)
                 : static_cast<int>(high_ >> (8 * i - 64) & 15);
  }
  int Pair(int i) const { return (*this)[i] * 10 + (*this)[i + 1]; }

  // The sum of digits 0..7 times their weights: even and odd places as four 16-bit lanes each,
  // whose product with the weights in reverse order has the sum in its highest lane.
  template <int a, int b, int c, int d, int e, int f, int g, int h>
  int Weighted() const {
    constexpr uint64_t kEven = uint64_t{a} << 48 | uint64_t{c} << 32 | uint64_t{e} << 16 | g;
    constexpr uint64_t kOdd = uint64_t{b} << 48 | uint64_t{d} << 32 | uint64_t{f} << 16 | h;
    const uint64_t even = word_ & 0x00FF00FF00FF00FF;
    const uint64_t odd = word_ >> 8 & 0x00FF00FF00FF00FF;
    return static_cast<int>((even * kEven + odd * kOdd) >> 48);
  }

  uint64_t Number() const {
    // Pairs, then fours, then all eight.
    uint64_t n = (word_ * 10 + (word_ >> 8)) & 0x00FF00FF00FF00FF;
    n = (n * 100 + (n >> 16)) & 0x0000FFFF0000FFFF;
    n = (n * 10000 + (n >> 32)) & 0xFFFFFFFF;
    for (int i = 8; i < kLength; ++i) n = n * 10 + (*this)[i];
    return n;
  }

 private:
  static bool AllDigits(uint64_t word) {
    // A byte is a digit when its high nibble is 3 and stays 3 after adding 6.
    return ((word & 0xF0F0F0F0F0F0F0F0) |
            (((word + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) == 0x3333333333333333;
  }

  uint64_t word_;
  uint32_t high_;
};

std::string Decimal(uint64_t number, int width) {
  std::string out(width, '0');
  for (int i = width; i-- > 0; number /= 10) out[i] = static_cast<char>('0' + number % 10);
  return out;
}

// EVS 585:2007: a second row of weights when the first gives ten, and zero when that gives ten too.
template <int kLength>
int IsikukoodCheckDigit(const Digits<kLength>& d) {
  const int first = d.template Weighted<1, 2, 3, 4, 5, 6, 7, 8>() + 9 * d[8] + d[9];
  if (first % 11 < 10) return first % 11;
  const int second = d.template Weighted<3, 4, 5, 6, 7, 8, 9, 1>() + 2 * d[8] + 3 * d[9];
  return second % 11 % 10;
}

int YearOf(const Digits<11>& d) { return 1800 + (d[0] - 1) / 2 * 100 + d.Pair(1); }

ABSL_ATTRIBUTE_ALWAYS_INLINE inline Fault ReadIsikukood(absl::string_view value, Digits<11>* d) {
  if (value.size() != 11) return Fault::kBadLength;
  if (!d->Read(value.data())) return Fault::kBadCharacter;
  if ((*d)[0] < 1 || (*d)[0] > 8) return Fault::kBadFirstDigit;
  const int month = d->Pair(3), day = d->Pair(5);
  static constexpr int8_t kLongest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || day > kLongest[month - 1]) return Fault::kBadDate;
  if (month == 2 && day == 29 && !civil::IsLeapYear(YearOf(*d))) return Fault::kBadDate;
  return IsikukoodCheckDigit(*d) == (*d)[10] ? Fault::kNone : Fault::kBadCheckDigit;
}

class IsikukoodScheme final : public Scheme {
 public:
  absl::string_view name() const override { return "ee-isikukood"; }

  Fault Pack(absl::string_view value, uint64_t* packed) const override {
    Digits<11> d;
    const Fault fault = ReadIsikukood(value, &d);
    if (fault == Fault::kNone) *packed = d.Number();
    return fault;
  }

  std::string Unpack(uint64_t packed) const override { return Decimal(packed, 11); }

  Fault ExamineIssued(absl::string_view value, civil::Date today) const override {
    Digits<11> d;
    const Fault fault = ReadIsikukood(value, &d);
    if (fault != Fault::kNone) return fault;
    const auto birth = civil::Date::Of(YearOf(d), d.Pair(3), d.Pair(5));
    return *birth > today ? Fault::kBadDate : Fault::kNone;
  }
};

class BsnScheme final : public Scheme {
 public:
  absl::string_view name() const override { return "nl-bsn"; }

  Fault Pack(absl::string_view value, uint64_t* packed) const override {
    if (value.size() != 9) return Fault::kBadLength;
    Digits<9> d;
    if (!d.Read(value.data())) return Fault::kBadCharacter;
    const int sum = d.Weighted<9, 8, 7, 6, 5, 4, 3, 2>() + 10 * d[8];  // 10 = -1 modulo 11
    if (sum % 11 != 0) return Fault::kBadCheckDigit;
    const uint64_t number = d.Number();
    if (number == 0) return Fault::kBadCheckDigit;
    *packed = number;
    return Fault::kNone;
  }

  std::string Unpack(uint64_t packed) const override { return Decimal(packed, 9); }

  Fault ExamineIssued(absl::string_view value, civil::Date) const override {
    return Examine(value);
  }
};

absl::Status BadSerial() {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_SERIAL",
                     "There is no identifier with this serial number.");
}

}  // namespace

absl::string_view ReasonOf(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "";
    case Fault::kBadLength:
      return "BAD_LENGTH";
    case Fault::kBadCharacter:
      return "BAD_CHARACTER";
    case Fault::kBadFirstDigit:
      return "BAD_FIRST_DIGIT";
    case Fault::kBadDate:
      return "BAD_DATE";
    case Fault::kBadCheckDigit:
      return "BAD_CHECK_DIGIT";
  }
  return "";
}

absl::Status ToStatus(Fault fault) {
  if (fault == Fault::kNone) return absl::OkStatus();
  absl::string_view text;
  switch (fault) {
    case Fault::kBadLength:
      text = "The identifier does not have its scheme's length.";
      break;
    case Fault::kBadCharacter:
      text = "The identifier has a character that is no digit.";
      break;
    case Fault::kBadFirstDigit:
      text = "The identifier begins with a digit that its scheme does not use.";
      break;
    case Fault::kBadDate:
      text = "The identifier holds a date that does not exist or lies in the future.";
      break;
    default:
      text = "The identifier's check digit does not fit.";
      break;
  }
  return base::Error(absl::StatusCode::kInvalidArgument, ReasonOf(fault), text);
}

const Scheme& Isikukood() {
  static const IsikukoodScheme scheme;
  return scheme;
}

const Scheme& Bsn() {
  static const BsnScheme scheme;
  return scheme;
}

const Scheme* Find(absl::string_view name) {
  for (const Scheme* scheme : {&Isikukood(), &Bsn()}) {
    if (scheme->name() == name) return scheme;
  }
  return nullptr;
}

absl::StatusOr<Claims> ClaimsOf(absl::string_view isikukood) {
  Digits<11> d;
  EGOV_RETURN_IF_ERROR(ToStatus(ReadIsikukood(isikukood, &d)));
  Claims claims;
  claims.sex = d[0] % 2 != 0 ? Sex::kMale : Sex::kFemale;
  EGOV_ASSIGN_OR_RETURN(claims.birth_date, civil::Date::Of(YearOf(d), d.Pair(3), d.Pair(5)));
  return claims;
}

absl::StatusOr<std::string> MakeIsikukood(Sex sex, civil::Date birth_date, int serial) {
  if (serial < 0 || serial > 999) return BadSerial();
  const int year = birth_date.year();
  if (year < 1800 || year > 2199) return ToStatus(Fault::kBadDate);
  const int century = (year - 1800) / 100 * 2 + (sex == Sex::kMale ? 1 : 2);
  const uint64_t day = (year % 100 * 100 + birth_date.month()) * 100 + birth_date.day();
  std::string code = Decimal((century * uint64_t{1000000} + day) * 1000 + serial, 10);
  Digits<10> digits;
  digits.Read(code.data());
  code.push_back(static_cast<char>('0' + IsikukoodCheckDigit(digits)));
  return code;
}

absl::StatusOr<std::string> MakeBsn(uint32_t first_eight) {
  if (first_eight == 0 || first_eight > 99999999) return BadSerial();
  std::string code = Decimal(first_eight, 8);
  int sum = 0;
  for (int i = 0; i < 8; ++i) sum += (9 - i) * (code[i] - '0');
  if (sum % 11 == 10) return BadSerial();
  code.push_back(static_cast<char>('0' + sum % 11));
  return code;
}

}  // namespace egov::identifiers
