// Where the README's figures come from.
#include <map>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "libs/merkle/merkle.h"
#include "libs/merkle/tiled_tree.h"

namespace egov::merkle {
namespace {

struct Log {
  std::map<std::pair<int, uint64_t>, std::string> tiles;
  TiledTree tree{[this](int level, uint64_t index) { return tiles.at({level, index}); }};
  TileSink sink = [this](const Tile& tile) { tiles[{tile.level, tile.index}] = tile.hashes; };

  Log() {
    std::vector<Digest> leaves(1000);
    for (int i = 0; i < 1000; ++i) {
      for (Digest& leaf : leaves) leaf[0] = static_cast<uint8_t>(i);
      tree.Append(leaves, sink);
    }
  }
};

void AppendWithPaths(benchmark::State& state) {
  Log log;
  const std::vector<Digest> group(state.range(0));
  for (auto _ : state) {
    const uint64_t first = log.tree.size();
    log.tree.Append(group, log.sink);
    for (uint64_t i = first; i < log.tree.size(); ++i) {
      benchmark::DoNotOptimize(log.tree.InclusionPath(i, log.tree.size()));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(AppendWithPaths)->Arg(1)->Arg(64)->Arg(1024);

void PathOfAnOldLeaf(benchmark::State& state) {
  Log log;
  uint64_t index = 0;
  for (auto _ : state) {
    index = (index + 7919) % 900'000;
    benchmark::DoNotOptimize(log.tree.InclusionPath(index, log.tree.size()));
  }
}
BENCHMARK(PathOfAnOldLeaf);

void BatchWithPaths(benchmark::State& state) {
  const std::vector<Digest> leaves(state.range(0));
  for (auto _ : state) {
    const BatchTree tree(leaves);
    for (size_t i = 0; i < leaves.size(); ++i) benchmark::DoNotOptimize(tree.path(i));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BatchWithPaths)->Arg(64)->Arg(1024);

}  // namespace
}  // namespace egov::merkle

BENCHMARK_MAIN();
