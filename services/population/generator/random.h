// The generator's own randomness: splitmix64, so that the same seed gives the same nation on any
// machine and with any library.
#ifndef EGOV_SERVICES_POPULATION_GENERATOR_RANDOM_H_
#define EGOV_SERVICES_POPULATION_GENERATOR_RANDOM_H_

#include <cstdint>

namespace egov::population::generator {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // An independent sequence for each `stream` of the same seed.
  Random(uint64_t seed, uint64_t stream) : state_(seed ^ (stream + 1) * 0xD6E8FEB86659FD93) {
    Next();
  }

  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  // 0 .. limit - 1; limit 1 .. 2^32. The bias of at most 2^-32 is of no account here.
  uint32_t Below(uint64_t limit) { return static_cast<uint32_t>((Next() >> 32) * limit >> 32); }
  // first .. last
  int Between(int first, int last) {
    return first + static_cast<int>(Below(static_cast<uint64_t>(last - first) + 1));
  }
  bool Percent(uint32_t chance) { return Below(100) < chance; }

 private:
  uint64_t state_;
};

}  // namespace egov::population::generator

#endif  // EGOV_SERVICES_POPULATION_GENERATOR_RANDOM_H_
