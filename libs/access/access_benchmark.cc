// What MayKnock, Authorize and Spend cost in a call, and what of it is the point read.
#include <benchmark/benchmark.h>

#include "absl/strings/str_cat.h"
#include "libs/access/access.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"

namespace egov::access {
namespace {

constexpr char kService[] = "egov.population.v1.PopulationService";

void AllChecksOfACall(benchmark::State& state) {
  storage::TemporaryDirectory directory;
  storage::RocksDbOptions store_options;
  store_options.directory = directory.path();
  store_options.sync = false;
  AccessOptions options;
  options.instance = "ee";
  options.time_zone = absl::FixedTimeZone(7200);
  std::vector<std::string> items;
  for (int i = 0; i < 10; ++i) items.push_back(absl::StrCat("population.person.item_", i));
  options.methods = {{kService, "GetPerson", items}};
  auto store = *storage::OpenRocksDb(store_options);
  auto access = *Access::Open(store.get(), options);
  const auto caller = [](int i) {
    return absl::StrCat("spiffe://ee/GOV/", 70000000 + i, "/pensions");
  };
  const auto granted = store->Run([&](storage::Transaction& t) {
    for (int i = 0; i < 1000; ++i) {
      egov::access::v1::Right right;
      right.set_subsystem(caller(i));
      right.set_service(kService);
      right.set_method("GetPerson");
      right.set_purpose("pension");
      right.mutable_valid_from()->set_year(2026);
      right.mutable_valid_from()->set_month(1);
      right.mutable_valid_from()->set_day(1);
      for (const auto& item : items) right.add_items(item);
      right.set_calls_per_day(1ull << 60);
      const auto done = access->GrantRight(t, right, absl::StrCat("3b0c7f5e-4c0a-4f8e-9d5e-", i));
      if (!done.ok()) return done.status();
    }
    return absl::OkStatus();
  });
  if (!granted.ok()) state.SkipWithError(std::string(granted.status().message()).c_str());
  const std::string who = caller(500);
  const absl::Time now = absl::FromUnixSeconds(1795000000);
  const bool read_only = state.range(0) == 0;
  auto transaction = store->Begin();
  std::string value;
  int n = 0;
  for (auto _ : state) {
    // A transaction's read set grows with each read, so not one for all.
    if (++n % 1024 == 0) transaction = store->Begin();
    if (read_only) {
      benchmark::DoNotOptimize(transaction->Get(absl::string_view("\x00\x22", 2), &value));
      continue;
    }
    if (!access->MayKnock(who, kService, "GetPerson").ok()) state.SkipWithError("knock");
    const auto grant =
        access->Authorize(*transaction, {who, kService, "GetPerson", "pension", items, now});
    if (!grant.ok() || !access->Spend(*grant, 1, now).ok()) state.SkipWithError("refused");
  }
  transaction.reset();
  store.reset();
}
BENCHMARK(AllChecksOfACall)->Arg(0)->Arg(1);

}  // namespace
}  // namespace egov::access

BENCHMARK_MAIN();
