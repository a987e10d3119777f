// An invented nation: people with Estonian and Russian names, families, addresses of the country,
// births since 1905 and deaths by age, all consistent with one another. Nobody in it exists.
//
//   EGOV_ASSIGN_OR_RETURN(const Nation nation, Nation::Make({.persons = 1'000'000, .seed = 7}));
//   for (uint64_t i = 0; i < nation.size(); ++i) nation.Fill(i, &person);
//
// The same options give the same nation, bit for bit, on any machine and in any release that does
// not say otherwise in its README. People stand in the order of birth, so parents come before their
// children. `persons` counts all of them; of a million some six hundred thousand live on the
// nation's day.
//
// Thread safety: immutable after Make; Fill may run on many threads. Cost: Make about 0.4 us and 40
// bytes a person, Fill about 1 us.
#ifndef EGOV_SERVICES_POPULATION_GENERATOR_NATION_H_
#define EGOV_SERVICES_POPULATION_GENERATOR_NATION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "egov/population/v1/person.pb.h"
#include "libs/civil/date.h"
#include "libs/identifiers/identifiers.h"
#include "services/population/generator/names.h"
#include "services/population/generator/places.h"
#include "services/population/generator/random.h"

namespace egov::population::generator {

inline constexpr uint64_t kMaxPersons = 20'000'000;

struct Options {
  uint64_t persons = 0;  // 1..kMaxPersons
  uint64_t seed = 0;
  std::string scheme = "ee-isikukood";  // or "nl-bsn"
  // The last day of the nation's history, YYYY-MM-DD, year 1950..2100. Fixed, not today: the seed
  // alone decides.
  std::string day = "2026-01-01";
};

class Nation {
 public:
  // INVALID_ARGUMENT BAD_PERSONS, UNKNOWN_SCHEME, BAD_DATE.
  static absl::StatusOr<Nation> Make(const Options& options);

  uint64_t size() const { return people_.size(); }
  uint64_t seed() const { return seed_; }
  // 16 bytes that name these options; the id of the nation's stream.
  const std::string& id() const { return id_; }

  // Person number i, into a message that is empty or was filled by Fill before. i < size().
  void Fill(uint64_t i, egov::population::v1::Person* person) const;

  // What a sample of codes is made from.
  std::string Code(uint64_t i) const;
  // The day of death as days since 1970, or kAlive.
  static constexpr int32_t kAlive = INT32_MAX;
  int32_t DeathDay(uint64_t i) const { return people_[i].death; }
  int32_t BirthDay(uint64_t i) const { return people_[i].birth; }
  // People who had another code before: (number, that code), in rising order of number.
  const std::vector<std::pair<uint64_t, std::string>>& superseded() const { return superseded_; }
  // Well-formed code number k that nobody in the nation has or had; k < 40,000.
  std::string UnusedCode(uint64_t k) const;

 private:
  // What is remembered of each person between the two passes.
  struct Core {
    int32_t birth = 0;
    int32_t death = kAlive;
    uint32_t mother = 0;   // number + 1; 0: none
    uint32_t father = 0;   // number + 1; 0: none
    uint32_t partner = 0;  // number + 1; 0: none
    int32_t married = 0;   // day; 0: partners without marriage
    int32_t last_child = INT32_MIN / 2;
    uint16_t family_name = 0;
    uint16_t slot = 0;  // which of those of the same sex born on the same day
    uint8_t municipality = 0;
    uint8_t children = 0;
    bool female = false;
    bool russian = false;
  };

  explicit Nation(const Options& options);
  void BirthDays(uint64_t persons);
  void GiveLife(uint64_t i, Random* random);
  void GiveParents(uint64_t i, Random* random);
  uint64_t SomebodyBornAround(int32_t day, uint64_t before, Random* random) const;
  void FindPartner(uint64_t woman, int32_t day, Random* random);
  void Supersede();
  std::string CodeOf(bool female, int32_t birth, uint32_t slot, uint64_t number) const;
  std::string BsnOf(uint64_t number) const;
  // The number of the person whose household this one lives in.
  uint64_t Household(uint64_t i) const;
  void FillNames(uint64_t i, egov::population::v1::Person* person) const;
  void FillParents(uint64_t i, egov::population::v1::Person* person) const;
  void FillResidence(uint64_t i, egov::population::v1::Person* person) const;

  uint64_t seed_;
  const identifiers::Scheme* scheme_ = nullptr;
  std::string scheme_name_;
  int32_t first_day_ = 0;
  int32_t last_day_ = 0;
  std::string id_;
  NameBook names_;
  PlaceBook places_;
  std::vector<Core> people_;
  std::vector<uint32_t> born_by_;  // for each day from first_day_: how many were born before it
  std::vector<std::pair<uint64_t, std::string>> superseded_;
};

}  // namespace egov::population::generator

#endif  // EGOV_SERVICES_POPULATION_GENERATOR_NATION_H_
