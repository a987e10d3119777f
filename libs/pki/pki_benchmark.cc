// What the README's figures were measured with: bazel run -c opt --config=opt
// //libs/pki:pki_benchmark
#include <string>

#include "benchmark/benchmark.h"
#include "libs/pki/aead.h"
#include "libs/pki/key.h"
#include "libs/pki/ocsp.h"
#include "libs/pki/sha256.h"
#include "libs/pki/spiffe.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/timestamp.h"
#include "libs/pki/verify.h"

namespace egov::pki {
namespace {

using testing::Must;
const absl::Time kNow = absl::FromUnixSeconds(1800000000);

void Sha256Bytes(benchmark::State& state) {
  const std::string bytes(state.range(0), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Sha256Of(bytes));
}
BENCHMARK(Sha256Bytes)->Arg(64)->Arg(1024)->Arg(65536);

void Sign(benchmark::State& state) {
  const PrivateKey key = Must(PrivateKey::Generate(static_cast<KeyType>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(key.Sign("message"));
}
BENCHMARK(Sign)->DenseRange(0, 3);

void Verify(benchmark::State& state) {
  const PrivateKey key = Must(PrivateKey::Generate(static_cast<KeyType>(state.range(0))));
  const std::string signature = Must(key.Sign("message"));
  for (auto _ : state) benchmark::DoNotOptimize(key.public_key().Verify("message", signature));
}
BENCHMARK(Verify)->DenseRange(0, 3);

void SealAead(benchmark::State& state) {
  const AesGcm aead = Must(AesGcm::Create(Secret::Random(32)));
  const std::string text(state.range(0), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(aead.Seal(text, "about"));
}
BENCHMARK(SealAead)->Arg(64)->Arg(65536);

void ParseSpiffeId(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(SpiffeId::Parse("spiffe://ee/GOV/70000310/pensions"));
  }
}
BENCHMARK(ParseSpiffeId);

struct House {
  testing::Identity root = testing::MakeRoot("Root", kNow);
  testing::Identity authority =
      testing::MakeUnder(root, testing::Profile(Purpose::kAuthority, "CA", kNow));
  testing::Identity seal =
      testing::MakeMember(authority, Purpose::kSeal, "ee/GOV/70000310/pensions", kNow);
  testing::Identity stamp = testing::MakeMember(root, Purpose::kTimeStamp, "", kNow);
  ChainVerifier trust = Must(ChainVerifier::Create({root.certificate}));
};

void ParseCertificate(benchmark::State& state) {
  const std::string der = House().seal.certificate.ToDer();
  for (auto _ : state) benchmark::DoNotOptimize(Certificate::FromDer(der));
}
BENCHMARK(ParseCertificate);

void VerifyChain(benchmark::State& state) {
  const House house;
  for (auto _ : state) {
    benchmark::DoNotOptimize(house.trust.Verify(
        house.seal.certificate, {house.authority.certificate}, Purpose::kSeal, kNow));
  }
}
BENCHMARK(VerifyChain);

void GrantAndCheckTimeStamp(benchmark::State& state) {
  const House house;
  TimeStampAuthority::Options options;
  options.policy = "1.2.3";
  const auto authority = Must(TimeStampAuthority::Create(
      options, house.stamp.certificate, house.stamp.key, {},
      [] { return absl::StatusOr<absl::Time>(kNow); }, [] { return absl::StatusOr<uint64_t>(1); }));
  const auto request = TimeStampRequest::New(Sha256Of("data"));
  const std::string der = request.ToDer();
  const std::string reply = authority.Respond(der).der;
  for (auto _ : state) {
    if (state.range(0) == 0) {
      benchmark::DoNotOptimize(authority.Respond(der));
    } else {
      benchmark::DoNotOptimize(VerifyTimeStamp(reply, request.imprint, request.nonce, house.trust));
    }
  }
}
BENCHMARK(GrantAndCheckTimeStamp)->Arg(0)->Arg(1);

void ReadAndAnswerOcsp(benchmark::State& state) {
  const House house;
  const auto responder = Must(OcspResponder::Create(
      house.authority.certificate, house.authority.certificate, house.authority.key));
  const auto request = Must(OcspRequest::New(house.seal.certificate, house.authority.certificate));
  const std::string der = request.ToDer();
  OcspStatus status;
  status.state = OcspState::kGood;
  status.this_update = kNow;
  for (auto _ : state) {
    if (state.range(0) == 0) {
      benchmark::DoNotOptimize(OcspRequest::FromDer(der));
    } else {
      benchmark::DoNotOptimize(responder.Answer({{request.ids[0], status}}, request.nonce, kNow));
    }
  }
}
BENCHMARK(ReadAndAnswerOcsp)->Arg(0)->Arg(1);

}  // namespace
}  // namespace egov::pki

BENCHMARK_MAIN();
