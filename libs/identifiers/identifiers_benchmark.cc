// Where the README's figure comes from.
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "libs/identifiers/identifiers.h"

namespace egov::identifiers {
namespace {

void PackHalfAMillion(benchmark::State& state) {
  std::string codes;
  int32_t day = civil::Date::Of(1930, 1, 1)->DaysSinceEpoch();
  for (int i = 0; i < 500'000; ++i) {
    codes += MakeIsikukood(i % 2 ? Sex::kMale : Sex::kFemale,
                           *civil::Date::FromDays(day + i * 7919LL % 30000), i % 1000)
                 .value();
  }
  std::vector<uint64_t> packed(500'000);
  const Scheme* scheme = Find("ee-isikukood");
  for (auto _ : state) {
    for (size_t i = 0; i < packed.size(); ++i) {
      if (scheme->Pack({codes.data() + 11 * i, 11}, &packed[i]) != Fault::kNone) std::abort();
    }
    benchmark::DoNotOptimize(packed.data());
  }
}
BENCHMARK(PackHalfAMillion)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace egov::identifiers

BENCHMARK_MAIN();
