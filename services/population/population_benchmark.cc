// What the register itself costs, without exchange and transport. Items per second are people or
// codes.
#include <algorithm>
#include <iostream>
#include <memory>
#include <random>
#include <utility>

#include "benchmark/benchmark.h"
#include "libs/identifiers/identifiers.h"
#include "services/population/testing/builders.h"
#include "services/population/testing/register.h"

namespace egov::population {
namespace {

using testing::Citizen;
using testing::CodeNumber;

constexpr uint64_t kNation = 1000000;

// One nation for all benchmarks: one in eight has died, one in a hundred has an earlier code.
testing::TestRegister& Nation() {
  static testing::TestRegister& nation = *[] {
    auto* made = new testing::TestRegister();
    std::vector<v1::Person> window;
    for (uint64_t n = 0; n < kNation; ++n) {
      window.push_back(Citizen(n));
      if (n % 8 == 0) *window.back().mutable_death()->mutable_date() = testing::Date(2001, 5, 20);
      if (n % 100 == 0)
        *window.back().add_other_identifiers() = testing::Isikukood(CodeNumber(2 * kNation + n));
      if (window.size() == 50000) {
        if (!made->Load(window).ok()) std::abort();
        window.clear();
      }
    }
    return made;
  }();
  return nation;
}

void BM_GetPerson(benchmark::State& state) {
  testing::TestRegister& nation = Nation();
  const auto command = commands::GetPerson(nation.store());
  std::vector<v1::GetPersonRequest> requests(50000);
  std::mt19937_64 random(1);
  for (auto& request : requests)
    *request.mutable_identifier() = testing::Isikukood(CodeNumber(random() % kNation));
  exchange::Call call;
  call.now = nation.clock().Now();
  call.items = testing::AllItems();
  std::vector<disclosure::SubjectKey> keys;
  size_t i = 0;
  for (auto _ : state) {
    const auto& request = requests[i++ % requests.size()];
    auto transaction = nation.engine().Begin();
    const disclosure::Subject asked{request.identifier().scheme(), request.identifier().value()};
    if (!nation.store().Resolve(*transaction, {&asked, 1}, &keys).ok()) std::abort();
    call.keys = keys;
    auto response = command(*transaction, call, request);
    if (!response.ok()) std::abort();
    benchmark::DoNotOptimize(response);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_GetPerson);

std::vector<uint64_t> Asked(bool sorted) {
  std::vector<uint64_t> codes;
  std::mt19937_64 random(2);
  for (int i = 0; i < 500000; ++i) {
    uint64_t packed = 0;
    identifiers::Isikukood().Pack(CodeNumber(random() % (kNation + kNation / 50)), &packed);
    codes.push_back(packed);
  }
  if (sorted) std::sort(codes.begin(), codes.end());
  return codes;
}

void BM_LookUp500k(benchmark::State& state) {
  const auto view = Nation().store().column().view();
  const std::vector<uint64_t> codes = Asked(state.range(0) != 0);
  std::vector<uint64_t> persons(codes.size());
  for (auto _ : state) {
    std::fill(persons.begin(), persons.end(), 0);
    view->FindMany(1, codes, absl::MakeSpan(persons));
    benchmark::DoNotOptimize(persons.data());
  }
  state.SetItemsProcessed(state.iterations() * codes.size());
  state.counters["column_MB"] = view->MemoryBytes() / 1e6;
}
BENCHMARK(BM_LookUp500k)->Arg(0)->Arg(1)->ArgName("sorted")->Unit(benchmark::kMillisecond);

// From the parsed question to the parts of the answer.
void BM_VerifyVitalStatus500k(benchmark::State& state) {
  testing::TestRegister& nation = Nation();
  const auto command = commands::VerifyVitalStatus(nation.store());
  std::vector<uint64_t> codes = Asked(state.range(0) != 0);
  v1::VerifyVitalStatusRequest request;
  request.set_scheme("ee-isikukood");
  for (size_t i = 0; i < codes.size(); ++i) {
    std::string code = identifiers::Isikukood().Unpack(codes[i]);
    if (i % 1000 == 0) code.back() = code.back() == '9' ? '0' : code.back() + 1;
    request.add_codes(code);
  }
  const v1::VerifyVitalStatusRequest* parts[] = {&request};
  std::vector<disclosure::Subject> asked;
  for (const std::string& code : request.codes()) asked.push_back({request.scheme(), code});
  exchange::Call call;
  call.items = testing::AllItems();
  call.asked = asked;
  std::vector<disclosure::SubjectKey> keys;
  size_t deceased = 0;
  for (auto _ : state) {
    auto transaction = nation.engine().Begin();
    if (!nation.store().Resolve(*transaction, asked, &keys).ok()) std::abort();
    call.keys = keys;
    deceased = 0;
    const absl::Status status =
        command(*transaction, call, parts, [&](v1::VerifyVitalStatusResponse part) {
          deceased += part.deceased_size();
          return absl::OkStatus();
        });
    if (!status.ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * codes.size());
  state.counters["deceased"] = deceased;
}
BENCHMARK(BM_VerifyVitalStatus500k)
    ->Arg(0)
    ->Arg(1)
    ->ArgName("sorted")
    ->Unit(benchmark::kMillisecond);

// The command alone, then with its commit and the column following it.
void BM_LoadWindow65536(benchmark::State& state) {
  testing::TestRegister fresh;
  const auto command = commands::LoadPeople(fresh.store());
  uint64_t next = 0;
  exchange::Call call;
  call.now = fresh.clock().Now();
  for (auto _ : state) {
    state.PauseTiming();
    v1::LoadPeopleRequest request;
    for (int i = 0; i < 65536; ++i) {
      *request.add_people() = Citizen(next++);
      if (i % 8 == 0)
        *request.mutable_people(i)->mutable_death()->mutable_date() = testing::Date(2001, 5, 20);
    }
    const v1::LoadPeopleRequest* part = &request;
    state.ResumeTiming();
    auto transaction = fresh.engine().Begin();
    const auto write = command(call, [&] { return std::exchange(part, nullptr); });
    const absl::Status done = write.ok() ? (*write)(*transaction).status() : write.status();
    if (!done.ok()) {
      std::cerr << done << "\n";
      std::abort();
    }
    if (state.range(0) != 0) {
      transaction->Append(std::make_unique<storage::Entry>());
      if (!fresh.engine().CommitAndWait(std::move(transaction)).ok()) std::abort();
    }
    state.PauseTiming();
    transaction.reset();
    request.Clear();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * 65536);
}
BENCHMARK(BM_LoadWindow65536)->Arg(0)->Arg(1)->ArgName("commit")->Unit(benchmark::kMillisecond);

void BM_BuildColumn(benchmark::State& state) {
  testing::TestRegister& nation = Nation();
  for (auto _ : state) {
    auto snapshot = nation.engine().Snapshot();
    VitalColumn column;
    if (!column.Build(**snapshot).ok()) std::abort();
    benchmark::DoNotOptimize(column.view());
  }
}
BENCHMARK(BM_BuildColumn)->Unit(benchmark::kMillisecond);

void BM_RecordDeathAndAnnul(benchmark::State& state) {
  testing::TestRegister& nation = Nation();
  const std::string code = CodeNumber(1);
  for (auto _ : state) {
    if (!nation.Death(code, testing::Date(2020, 1, 1)).ok() || !nation.Annul(code).ok())
      std::abort();
  }
}
BENCHMARK(BM_RecordDeathAndAnnul)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace egov::population

BENCHMARK_MAIN();
