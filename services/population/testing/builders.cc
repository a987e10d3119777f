#include "services/population/testing/builders.h"

#include "absl/strings/str_cat.h"
#include "libs/identifiers/identifiers.h"

namespace egov::population::testing {

egov::identifiers::v1::Identifier Isikukood(const std::string& value) {
  egov::identifiers::v1::Identifier identifier;
  identifier.set_scheme("ee-isikukood");
  identifier.set_value(value);
  return identifier;
}

egov::identifiers::v1::Identifier BsnIdentifier(const std::string& value) {
  egov::identifiers::v1::Identifier identifier;
  identifier.set_scheme("nl-bsn");
  identifier.set_value(value);
  return identifier;
}

std::string CodeNumber(uint64_t n) {
  // Days first, then serials, so that neighbours in n are spread as people's codes are.
  const int64_t first_day = civil::Date::Of(1900, 1, 1)->DaysSinceEpoch();
  const uint64_t days = 36000;
  const auto sex = n % 2 == 0 ? identifiers::Sex::kFemale : identifiers::Sex::kMale;
  const uint64_t place = n / 2;
  const auto birth = civil::Date::FromDays(first_day + static_cast<int64_t>(place * 7919 % days));
  return *identifiers::MakeIsikukood(sex, *birth, static_cast<int>(place / days % 1000));
}

std::string BsnNumber(uint64_t n) {
  // One in eleven has no check digit.
  for (uint32_t first_eight = 10000000;; ++first_eight) {
    auto bsn = identifiers::MakeBsn(first_eight);
    if (bsn.ok() && n-- == 0) return *bsn;
  }
}

egov::civil::v1::PartialDate Date(uint32_t year, uint32_t month, uint32_t day) {
  egov::civil::v1::PartialDate date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

v1::Name LatinName(const std::string& given, const std::string& family) {
  v1::Name name;
  name.set_script("Latn");
  v1::NamePart* part = name.add_parts();
  part->set_kind(v1::NAME_PART_KIND_GIVEN);
  part->set_text(given);
  part = name.add_parts();
  part->set_kind(v1::NAME_PART_KIND_FAMILY);
  part->set_text(family);
  return name;
}

v1::Person SomePerson(const std::string& code, const egov::civil::v1::PartialDate& born) {
  v1::Person person;
  *person.mutable_identifier() = Isikukood(code);
  *person.add_names() = LatinName("Mari", "Tamm");
  person.set_sex(v1::SEX_FEMALE);
  *person.mutable_birth()->mutable_date() = born;
  person.mutable_birth()->set_place("Tartu");
  person.mutable_birth()->set_country("EE");
  v1::Residence* residence = person.mutable_residence();
  residence->set_country("EE");
  residence->set_municipality("Tartu linn");
  residence->set_street("Kase");
  residence->set_house("5");
  return person;
}

v1::Person Citizen(uint64_t n) {
  const std::string code = CodeNumber(n);
  const auto claims = *identifiers::ClaimsOf(code);
  v1::Person person = SomePerson(
      code, Date(claims.birth_date.year(), claims.birth_date.month(), claims.birth_date.day()));
  person.set_sex(claims.sex == identifiers::Sex::kFemale ? v1::SEX_FEMALE : v1::SEX_MALE);
  *person.mutable_names(0) =
      LatinName(absl::StrCat("Given", n % 977), absl::StrCat("Family", n % 6007));
  v1::Residence* residence = person.mutable_residence();
  residence->set_region("Tartu maakond");
  residence->set_house(absl::StrCat(n % 120 + 1));
  residence->set_apartment(absl::StrCat(n % 60 + 1));
  residence->set_postcode(absl::StrCat(50000 + n % 1000));
  *residence->mutable_valid_from() = Date(1999);
  return person;
}

}  // namespace egov::population::testing
