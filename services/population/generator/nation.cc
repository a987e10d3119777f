#include "services/population/generator/nation.h"

#include <algorithm>
#include <unordered_map>

#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/pki/sha256.h"
#include "services/population/generator/mortality.h"

namespace egov::population::generator {
namespace {

constexpr int kFirstYear = 1905;
constexpr int kYear = 365;
// Slots of a day and sex: 0..899 for the born, then those of superseded codes, the last for codes
// that nobody has.
constexpr uint32_t kFirstSupersededSlot = 900;
constexpr uint32_t kUnusedSlot = 999;
// The same for BSN, whose first seven digits count nine people each.
constexpr uint64_t kFirstSupersededBsn = 50'000'000;
constexpr uint64_t kFirstUnusedBsn = 60'000'000;

// Births in tens, every five years from kFirstYear on.
constexpr int kBirths[] = {2450, 2400, 1800, 2000, 1900, 1750, 1650, 1850, 1700,
                           2000, 2050, 2050, 1950, 2150, 2150, 2200, 2400, 2200,
                           1350, 1300, 1430, 1580, 1390, 1320, 1000};

int Births(int year) {
  const size_t i = static_cast<size_t>(year - kFirstYear) / 5;
  constexpr size_t kLast = sizeof(kBirths) / sizeof(kBirths[0]) - 1;
  if (i >= kLast) return kBirths[kLast];
  return kBirths[i] + (kBirths[i + 1] - kBirths[i]) * ((year - kFirstYear) % 5) / 5;
}

// The same for a year of which only the first `days` have passed.
uint64_t BirthsUntil(int year, int32_t days) {
  return (static_cast<uint64_t>(Births(year)) * static_cast<uint64_t>(days) + 364) / 365;
}

int YearOf(int32_t day) { return civil::Date::FromDays(day)->year(); }

}  // namespace

Nation::Nation(const Options& options) : seed_(options.seed) {}

absl::StatusOr<Nation> Nation::Make(const Options& options) {
  if (options.persons == 0 || options.persons > kMaxPersons) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PERSONS",
                       "A nation of this size cannot be made.")
        .Field("persons")
        .Expected("1 to 20000000");
  }
  Nation nation(options);
  nation.scheme_ = identifiers::Find(options.scheme);
  if (nation.scheme_ == nullptr) {
    return base::Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_SCHEME",
                       "There is no such scheme.")
        .Field("scheme");
  }
  nation.scheme_name_ = options.scheme;
  const absl::StatusOr<civil::Date> day = civil::Date::Parse(options.day);
  if (!day.ok() || day->year() < 1950 || day->year() > 2100) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_DATE",
                       "The nation cannot end on this day.")
        .Field("day")
        .Expected("a day of the years 1950 to 2100");
  }
  nation.first_day_ = civil::Date::Of(kFirstYear, 1, 1)->DaysSinceEpoch();
  nation.last_day_ = day->DaysSinceEpoch();

  std::string numbers;
  base::AppendU64(options.persons, &numbers);
  base::AppendU64(options.seed, &numbers);
  const pki::Digest digest =
      pki::Sha256Of({"egov.population.generator.1", numbers, options.scheme, options.day});
  nation.id_ = std::string(pki::AsBytes(digest).substr(0, 16));

  nation.BirthDays(options.persons);
  Random random(options.seed);
  const Mortality mortality(kFirstYear, day->year());
  std::vector<uint32_t> slots(2);
  int32_t today = INT32_MIN;
  int year = 0;
  int32_t next_year = INT32_MIN;
  for (uint64_t i = 0; i < nation.people_.size(); ++i) {
    Core& person = nation.people_[i];
    if (person.birth != today) {
      today = person.birth;
      slots = {0, 0};
      if (today >= next_year) {
        year = YearOf(today);
        next_year = civil::Date::Of(year + 1, 1, 1)->DaysSinceEpoch();
      }
    }
    person.female = random.Below(1000) >= 513;
    person.slot = static_cast<uint16_t>(slots[person.female]++);
    if (person.slot >= kFirstSupersededSlot && nation.scheme_ == &identifiers::Isikukood()) {
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PERSONS",
                         "More are born on a day than the scheme has codes for.")
          .Field("persons");
    }
    const uint32_t lot = static_cast<uint32_t>(random.Next());
    const int age = mortality.AgeAtDeath(person.female, year, lot);
    // Children who die in their first year mostly die in its first weeks.
    const int within = age == 0 ? static_cast<int>(random.Below(random.Percent(60) ? 28 : kYear))
                                : random.Between(0, kYear - 1);
    const int32_t death = person.birth + age * kYear + age / 4 + within;
    if (death <= nation.last_day_) person.death = death;
    nation.GiveParents(i, &random);
    nation.GiveLife(i, &random);
  }
  nation.Supersede();
  return nation;
}

// Spreads the births over the years as the table says and evenly over each year's days.
void Nation::BirthDays(uint64_t persons) {
  const int last_year = YearOf(last_day_);
  const int32_t last_days = last_day_ + 1 - civil::Date::Of(last_year, 1, 1)->DaysSinceEpoch();
  uint64_t all = BirthsUntil(last_year, last_days);
  for (int year = kFirstYear; year < last_year; ++year) all += static_cast<uint64_t>(Births(year));
  people_.resize(persons);
  uint64_t before = 0, i = 0;
  for (int year = kFirstYear; year <= last_year; ++year) {
    before += static_cast<uint64_t>(Births(year));
    const uint64_t end = year == last_year ? persons : persons * before / all;
    const int32_t begin_day = civil::Date::Of(year, 1, 1)->DaysSinceEpoch();
    const int32_t end_day =
        year == last_year ? last_day_ + 1 : civil::Date::Of(year + 1, 1, 1)->DaysSinceEpoch();
    const uint64_t count = end - i, first = i;
    for (; i < end; ++i) {
      people_[i].birth =
          begin_day +
          static_cast<int32_t>((i - first) * static_cast<uint64_t>(end_day - begin_day) / count);
    }
  }
  born_by_.assign(static_cast<size_t>(last_day_ - first_day_) + 2, 0);
  for (const Core& person : people_) ++born_by_[static_cast<size_t>(person.birth - first_day_) + 1];
  for (size_t day = 1; day < born_by_.size(); ++day) born_by_[day] += born_by_[day - 1];
}

uint64_t Nation::SomebodyBornAround(int32_t day, uint64_t before, Random* random) const {
  const int64_t center = born_by_[static_cast<size_t>(std::max(day - first_day_, 0))];
  // Wide enough that a village has somebody, narrow enough that the ages stay as they were drawn.
  const int64_t spread = 6 + static_cast<int64_t>(people_.size() / 4000);
  const int64_t number = center - spread + random->Below(static_cast<uint64_t>(2 * spread + 1));
  return static_cast<uint64_t>(
      std::min(std::max<int64_t>(number, 0), static_cast<int64_t>(before) - 1));
}

void Nation::GiveParents(uint64_t i, Random* random) {
  Core& child = people_[i];
  // Who came into the country between the war and 1990 has parents elsewhere.
  const int32_t year = 1970 + child.birth / kYear;
  const bool immigrant = year >= 1930 && year < 1985 && random->Percent(18);
  if (immigrant || i == 0) {
    child.russian = immigrant;
    return;
  }
  for (int attempt = 0; attempt < 24; ++attempt) {
    // 17 to 43, most between 24 and 32; later in our time.
    const int younger = year > 1995 ? 20 : 17;
    const int32_t age = (younger * kYear) +
                        static_cast<int32_t>(random->Below(12 * kYear) + random->Below(12 * kYear));
    if (child.birth - age < first_day_) continue;
    const uint64_t m = SomebodyBornAround(child.birth - age, i, random);
    Core& mother = people_[m];
    const int32_t her_age = child.birth - mother.birth;
    if (!mother.female || mother.death < child.birth || her_age < 16 * kYear ||
        her_age > 46 * kYear)
      continue;
    if (mother.children >= 7 || child.birth - mother.last_child < 300) continue;
    if (mother.children >= 3 && !random->Percent(30)) continue;
    if (mother.partner != 0 && people_[mother.partner - 1].death < child.birth - 270)
      continue;  // a widow
    if (mother.partner == 0) FindPartner(m, child.birth, random);
    child.mother = static_cast<uint32_t>(m + 1);
    mother.last_child = child.birth;
    ++mother.children;
    // A few fathers stay unnamed.
    if (mother.partner != 0 && !random->Percent(4)) {
      child.father = mother.partner;
      ++people_[mother.partner - 1].children;
    }
    return;
  }
}

void Nation::FindPartner(uint64_t woman, int32_t day, Random* random) {
  Core& she = people_[woman];
  for (int attempt = 0; attempt < 24; ++attempt) {
    const int32_t by_taste = random->Between(-3 * kYear, 4 * kYear);
    const int32_t older = by_taste + random->Between(0, 4 * kYear);
    const uint64_t m = SomebodyBornAround(she.birth - older, people_.size(), random);
    Core& he = people_[m];
    // `slot`, sex and death of those not yet reached are unknown; they are too young anyway.
    if (day - he.birth < 17 * kYear || he.female || he.partner != 0 || he.death < day) continue;
    if (he.russian != she.russian && !random->Percent(12)) continue;
    she.partner = static_cast<uint32_t>(m + 1);
    he.partner = static_cast<uint32_t>(woman + 1);
    if (random->Percent(day > 10957 ? 55 : 92)) {  // since 2000 many do not marry
      const int32_t grown = std::max(she.birth, he.birth) + 17 * kYear;
      she.married = he.married =
          std::max(grown, day - static_cast<int32_t>(random->Below(5 * kYear)));
    }
    return;
  }
}

// Name, people and place, which come from the parents where there are any.
void Nation::GiveLife(uint64_t i, Random* random) {
  Core& person = people_[i];
  const Core* mother = person.mother == 0 ? nullptr : &people_[person.mother - 1];
  const Core* father = person.father == 0 ? nullptr : &people_[person.father - 1];
  if (mother == nullptr) {
    if (!person.russian) person.russian = random->Percent(8);
    const size_t estonian = names_.estonian_family_names();
    person.family_name = static_cast<uint16_t>(
        person.russian ? estonian + random->Below(names_.family_names() - estonian)
                       : random->Below(estonian));
  } else {
    person.russian = mother->russian;
    person.family_name = father != nullptr ? father->family_name : mother->family_name;
  }
  person.municipality = mother != nullptr && random->Percent(60)
                            ? mother->municipality
                            : places_.At(static_cast<int>(
                                  random->Below(static_cast<uint64_t>(places_.total_people()))));
}

// Some people had another code: a birth date or a sex that was corrected.
void Nation::Supersede() {
  Random random(seed_, 0x5EED);
  std::unordered_map<uint64_t, uint32_t> taken;  // day and sex -> superseded slots in use
  for (uint64_t i = 0; i < people_.size(); ++i) {
    if (random.Below(400) != 0) continue;
    const Core& person = people_[i];
    const bool other_sex = random.Percent(10);
    const int32_t other_day =
        std::max(first_day_, person.birth - (other_sex ? 0 : random.Between(1, 30)));
    const bool female = person.female != other_sex;
    uint32_t& slot = taken[static_cast<uint64_t>(other_day - first_day_) * 2 + (female ? 1 : 0)];
    if (kFirstSupersededSlot + slot == kUnusedSlot) continue;
    superseded_.emplace_back(i, CodeOf(female, other_day, kFirstSupersededSlot + slot++,
                                       kFirstSupersededBsn + superseded_.size()));
  }
}

std::string Nation::BsnOf(uint64_t number) const {
  // Of the ten numbers with the same first seven digits at most one has no check digit.
  const uint32_t first_seven = static_cast<uint32_t>(1'000'000 + number / 9);
  uint32_t skip = static_cast<uint32_t>(number % 9);
  for (uint32_t eighth = 0;; ++eighth) {
    absl::StatusOr<std::string> bsn = identifiers::MakeBsn(first_seven * 10 + eighth);
    if (bsn.ok() && skip-- == 0) return *std::move(bsn);
  }
}

std::string Nation::CodeOf(bool female, int32_t birth, uint32_t slot, uint64_t number) const {
  if (scheme_ == &identifiers::Bsn()) return BsnOf(number);
  // 617 has no common factor with 1000, so slots of a day never meet; the day's own shift hides who
  // was first.
  const uint32_t serial = (slot * 617 + static_cast<uint32_t>(birth - first_day_) * 389) % 1000;
  return *identifiers::MakeIsikukood(female ? identifiers::Sex::kFemale : identifiers::Sex::kMale,
                                     *civil::Date::FromDays(birth), static_cast<int>(serial));
}

std::string Nation::Code(uint64_t i) const {
  return CodeOf(people_[i].female, people_[i].birth, people_[i].slot, i);
}

std::string Nation::UnusedCode(uint64_t k) const {
  const int32_t days = last_day_ - first_day_;
  return CodeOf(k % 2 != 0,
                first_day_ + static_cast<int32_t>(k / 2 * 7919 % static_cast<uint64_t>(days)),
                kUnusedSlot, kFirstUnusedBsn + k);
}

}  // namespace egov::population::generator
