// The second pass: what the register says of each person, made from the remembered core and the
// person's own random sequence.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/population/generator/nation.h"

namespace egov::population::generator {
namespace {

constexpr int kYear = 365;
constexpr int kLeavesHome = 20 * kYear;

// Different uses of a person's number draw from different sequences.
enum Use : uint64_t { kName = 1, kBirth = 2, kHome = 3, kMove = 4, kDeath = 5, kFounder = 6 };

Random RandomOf(uint64_t seed, Use use, uint64_t number) { return Random(seed, number * 8 + use); }

void Set(int32_t day, civil::v1::PartialDate* out) {
  const egov::civil::Date date = *egov::civil::Date::FromDays(day);
  out->set_year(static_cast<uint32_t>(date.year()));
  out->set_month(static_cast<uint32_t>(date.month()));
  out->set_day(static_cast<uint32_t>(date.day()));
}

void AddPart(v1::NamePartKind kind, absl::string_view text, v1::Name* name) {
  v1::NamePart* part = name->add_parts();
  part->set_kind(kind);
  part->set_text(text.data(), text.size());
}

struct Place {
  absl::string_view name, country;
};
constexpr Place kElsewhere[] = {{"Leningrad", "RU"}, {"Pihkva", "RU"}, {"Moskva", "RU"},
                                {"Novgorod", "RU"},  {"Kiiev", "UA"},  {"Minsk", "BY"},
                                {"Harkiv", "UA"},    {"Riia", "LV"}};
constexpr Place kAbroad[] = {
    {"Helsinki", "FI"}, {"Espoo", "FI"}, {"Stockholm", "SE"}, {"London", "GB"}, {"Berlin", "DE"}};

template <typename T>
const T& Pick(const std::vector<T>& list, Random* random) {
  return list[random->Below(list.size())];
}

}  // namespace

void Nation::Fill(uint64_t i, v1::Person* person) const {
  // Field by field instead of Clear, which would free what the next person needs again.
  person->clear_other_identifiers();
  person->clear_names();
  person->clear_parents();
  person->clear_death();
  person->mutable_residence()->Clear();
  const Core& core = people_[i];
  person->mutable_identifier()->set_scheme(scheme_name_);
  person->mutable_identifier()->set_value(Code(i));
  const auto earlier =
      std::lower_bound(superseded_.begin(), superseded_.end(), i,
                       [](const auto& entry, uint64_t number) { return entry.first < number; });
  if (earlier != superseded_.end() && earlier->first == i) {
    identifiers::v1::Identifier* other = person->add_other_identifiers();
    other->set_scheme(scheme_name_);
    other->set_value(earlier->second);
  }
  FillNames(i, person);
  person->set_sex(core.female ? v1::SEX_FEMALE : v1::SEX_MALE);

  Random random = RandomOf(seed_, kBirth, i);
  v1::Birth* birth = person->mutable_birth();
  Set(core.birth, birth->mutable_date());
  if (core.mother == 0 && core.russian &&
      core.birth > -14600) {  // who came after 1930, see GiveParents
    const Place& place = kElsewhere[random.Below(sizeof(kElsewhere) / sizeof(kElsewhere[0]))];
    birth->set_place(place.name.data(), place.name.size());
    birth->set_country(place.country.data(), place.country.size());
  } else {
    const uint8_t where =
        core.mother == 0 ? core.municipality : people_[core.mother - 1].municipality;
    birth->set_place(places_.municipalities()[where].name);
    birth->set_country("EE");
  }
  FillResidence(i, person);
  FillParents(i, person);

  if (core.death != kAlive) {
    Random death_random = RandomOf(seed_, kDeath, i);
    v1::Death* death = person->mutable_death();
    Set(core.death, death->mutable_date());
    // Of some old deaths only the year or the month is known.
    if (core.death < last_day_ - 30 * kYear && death_random.Below(200) == 0) {
      death->mutable_date()->set_day(0);
      if (death_random.Percent(50)) death->mutable_date()->set_month(0);
    }
    death->set_place(places_.municipalities()[core.municipality].name);
    death->set_country("EE");
  }
}

void Nation::FillNames(uint64_t i, v1::Person* person) const {
  const Core& core = people_[i];
  Random random = RandomOf(seed_, kName, i);
  v1::Name* name = person->add_names();
  name->set_script("Latn");
  const std::vector<absl::string_view>& given =
      names_.Given(core.russian, core.female, 1970 + core.birth / kYear);
  // Squared odds: the first names of a list are the common ones.
  const auto pick = [&] {
    const uint64_t at = random.Below(given.size());
    return given[(at * at / given.size() + at) / 2];
  };
  AddPart(v1::NAME_PART_KIND_GIVEN, pick(), name);
  if (!core.russian && random.Percent(15)) AddPart(v1::NAME_PART_KIND_GIVEN, pick(), name);
  uint16_t family = core.family_name;
  if (core.female && core.married != 0 && random.Percent(80)) {
    family = people_[core.partner - 1].family_name;
    if (family != core.family_name) Set(core.married, name->mutable_valid_from());
  }
  AddPart(v1::NAME_PART_KIND_FAMILY, names_.Family(family, core.female), name);
}

void Nation::FillParents(uint64_t i, v1::Person* person) const {
  const Core& core = people_[i];
  for (const uint32_t parent : {core.mother, core.father}) {
    if (parent == 0) continue;
    identifiers::v1::Identifier* identifier = person->add_parents()->mutable_identifier();
    identifier->set_scheme(scheme_name_);
    identifier->set_value(Code(parent - 1));
  }
  if (core.mother != 0) return;
  // Of those who lived before the register some parents are known by name.
  Random random = RandomOf(seed_, kFounder, i);
  if (!random.Percent(30)) return;
  const bool mother = random.Percent(50);
  const int32_t birth = core.birth - random.Between(18 * kYear, 40 * kYear);
  v1::Parent* parent = person->add_parents();
  parent->mutable_name()->set_script("Latn");
  AddPart(v1::NAME_PART_KIND_GIVEN, Pick(names_.Given(core.russian, mother, 1900), &random),
          parent->mutable_name());
  AddPart(v1::NAME_PART_KIND_FAMILY, names_.Family(core.family_name, mother),
          parent->mutable_name());
  parent->mutable_birth_date()->set_year(static_cast<uint32_t>(1970 + birth / kYear));
}

uint64_t Nation::Household(uint64_t i) const {
  const Core& core = people_[i];
  const int32_t end = std::min(core.death, last_day_);
  if (end - core.birth < kLeavesHome && core.mother != 0) return Household(core.mother - 1);
  if (core.partner != 0) return std::min<uint64_t>(i, core.partner - 1);
  return i;
}

void Nation::FillResidence(uint64_t i, v1::Person* person) const {
  const Core& core = people_[i];
  const uint64_t household = Household(i);
  Random random = RandomOf(seed_, kHome, household);
  v1::Residence* residence = person->mutable_residence();
  const int32_t end = std::min(core.death, last_day_);
  const bool at_home = end - core.birth < kLeavesHome;
  Random move = RandomOf(seed_, kMove, i);
  int32_t since = core.birth;
  if (!at_home) {
    since = std::max(core.married,
                     core.birth + kLeavesHome + static_cast<int32_t>(move.Below(12 * kYear)));
    since = std::min(since, end);
  }
  Set(since, residence->mutable_valid_from());

  if (core.death == kAlive && people_[household].death == kAlive && random.Percent(3)) {
    const Place& place = kAbroad[random.Below(sizeof(kAbroad) / sizeof(kAbroad[0]))];
    residence->set_country(place.country.data(), place.country.size());
    residence->set_municipality(place.name.data(), place.name.size());
    return;
  }
  const Municipality& municipality = places_.municipalities()[people_[household].municipality];
  residence->set_country("EE");
  residence->set_region(municipality.county.data(), municipality.county.size());
  residence->set_municipality(municipality.name);
  residence->set_postcode(
      absl::StrCat(municipality.postcode + static_cast<int>(random.Below(99)) + 1));
  if (municipality.town) {
    if (municipality.name == "Tallinn") {
      const absl::string_view district = Pick(places_.districts_of_tallinn(), &random);
      residence->set_locality(district.data(), district.size());
    }
    const absl::string_view street = Pick(places_.streets(), &random);
    residence->set_street(street.data(), street.size());
    const uint32_t house = 1 + random.Below(150);
    residence->set_house(absl::StrCat(house, random.Percent(10) ? "a" : ""));
    if (random.Percent(75)) residence->set_apartment(absl::StrCat(1 + random.Below(90)));
  } else {
    residence->set_locality(Pick(places_.villages(), &random));
    const absl::string_view farm = Pick(places_.farms(), &random);
    residence->set_house(farm.data(), farm.size());
  }
}

}  // namespace egov::population::generator
