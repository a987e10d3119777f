// What signing and validating cost.
#include "benchmark/benchmark.h"
#include "libs/signature/container.h"
#include "libs/signature/sign.h"
#include "libs/signature/testing/house.h"
#include "libs/signature/validate.h"

namespace egov::signature {
namespace {

using testing::House;
using testing::Must;

struct Fixture {
  House house;
  std::string bytes = Must(CreateContainer({{"a.txt", "text/plain", "content", ""}}));
  Container container = Must(Container::FromBytes(bytes));
  SignatureRequest request = house.Request(container, house.signer);
  Draft draft = Must(Prepare(request));
  std::string value = Must(house.signer.key.Sign(draft.text));
  std::string t = house.Stamped(Must(Finish(draft.xml, value)), house.now);
  Evidence evidence{{house.Good(house.signer.certificate, house.now)}, {}, {}};
  std::string signed_bytes = Must(WithSignature(bytes, house.Complete(t, evidence)));
};

void BM_Prepare(benchmark::State& state) {
  Fixture f;
  for (auto _ : state) benchmark::DoNotOptimize(Must(Prepare(f.request)));
}
BENCHMARK(BM_Prepare);

void BM_Finish(benchmark::State& state) {
  Fixture f;
  for (auto _ : state) benchmark::DoNotOptimize(Must(Finish(f.draft.xml, f.value)));
}
BENCHMARK(BM_Finish);

void BM_AddEvidence(benchmark::State& state) {
  Fixture f;
  for (auto _ : state) benchmark::DoNotOptimize(f.house.Complete(f.t, f.evidence));
}
BENCHMARK(BM_AddEvidence);

void BM_OpenAndValidate(benchmark::State& state) {
  Fixture f;
  for (auto _ : state) {
    const Container opened = Must(Container::FromBytes(f.signed_bytes));
    if (!Must(Validate(opened, f.house.anchors, f.house.now)).passed()) std::abort();
  }
}
BENCHMARK(BM_OpenAndValidate);

// A data file that packs to about a third.
void BM_Digest(benchmark::State& state) {
  std::string text;
  for (uint32_t i = 0, x = 1; text.size() < (16 << 20); ++i)
    text += std::to_string(x = x * 69069 + 1);
  const Container container =
      Must(Container::FromBytes(Must(CreateContainer({{"a.txt", "text/plain", text, ""}}))));
  for (auto _ : state) benchmark::DoNotOptimize(Must(container.Digest("a.txt", Hash::kSha256)));
  state.SetBytesProcessed(state.iterations() * text.size());
}
BENCHMARK(BM_Digest);

}  // namespace
}  // namespace egov::signature

BENCHMARK_MAIN();
