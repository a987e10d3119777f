// Where the README's figures come from.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "benchmark/benchmark.h"
#include "services/population/generator/nation.h"

namespace egov::population::generator {
namespace {

void WholeNation(benchmark::State& state) {
  uint64_t bytes = 0, alive = 0;
  for (auto _ : state) {
    const auto nation = Nation::Make({static_cast<uint64_t>(state.range(0)), 7});
    v1::Person person;
    std::string out;
    bytes = alive = 0;
    for (uint64_t i = 0; i < nation->size(); ++i) {
      nation->Fill(i, &person);
      out.clear();
      person.AppendToString(&out);
      bytes += out.size();
      alive += nation->DeathDay(i) == Nation::kAlive;
    }
  }
  state.counters["bytes_per_person"] =
      static_cast<double>(bytes) / static_cast<double>(state.range(0));
  state.counters["alive"] = static_cast<double>(alive) / static_cast<double>(state.range(0));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(WholeNation)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void FirstPass(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(Nation::Make({static_cast<uint64_t>(state.range(0)), 7}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(FirstPass)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace egov::population::generator

BENCHMARK_MAIN();
