#include "services/population/generator/sample.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "libs/base/status.h"
#include "services/population/stream/stream.h"

namespace egov::population::generator {
namespace {

constexpr int32_t kPensionAge = 63 * 365;
constexpr uint64_t kMaxUnknown = 40'000;
constexpr uint64_t kProgressEvery = 50'000;

absl::Status TooSmall(absl::string_view kind) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "NATION_TOO_SMALL",
                     "The nation does not have enough people for this sample.")
      .Field(kind);
}

// A well-formed code with fault number k put in; different codes and faults give different results.
std::string Spoil(std::string code, uint64_t k) {
  switch (k % 4) {
    case 0:  // the check digit
      code.back() = static_cast<char>('0' + (code.back() - '0' + 1) % 10);
      return code;
    case 1:  // a letter for a digit, as scanners read it
      code[code.size() / 2] = 'O';
      return code;
    case 2:  // one too many
      return code + "0";
    default:  // one too few
      code.pop_back();
      return code;
  }
}

}  // namespace

absl::Status WriteNation(const Nation& nation, const std::string& path,
                         const std::function<void(uint64_t)>& progress) {
  EGOV_ASSIGN_OR_RETURN(StreamWriter writer,
                        StreamWriter::Create(path, {nation.id(), nation.seed(), nation.size()}));
  v1::Person person;
  for (uint64_t i = 0; i < nation.size(); ++i) {
    nation.Fill(i, &person);
    EGOV_RETURN_IF_ERROR(writer.Write(person));
    if (progress && (i + 1) % kProgressEvery == 0) progress(i + 1);
  }
  return writer.Finish();
}

SampleSpec PensionBoard(uint64_t size) {
  SampleSpec spec;
  spec.size = size;
  spec.deceased = size * 98 / 50'000;
  spec.unknown = size / 2'000;
  spec.superseded = size / 1'000;
  spec.malformed = size / 5'000;
  return spec;
}

absl::StatusOr<Sample> SampleCodes(const Nation& nation, const SampleSpec& spec, uint64_t seed) {
  const uint64_t others = spec.deceased + spec.unknown + spec.superseded + spec.malformed;
  if (others > spec.size) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_SAMPLE",
                       "The parts are more than the whole.")
        .Field("size");
  }
  Sample sample;

  std::vector<uint64_t> dead;
  for (uint64_t i = 0; i < nation.size(); ++i) {
    if (nation.DeathDay(i) != Nation::kAlive &&
        nation.DeathDay(i) - nation.BirthDay(i) >= kPensionAge)
      dead.push_back(i);
  }
  if (dead.size() < spec.deceased) return TooSmall("deceased");
  std::sort(dead.begin(), dead.end(), [&](uint64_t a, uint64_t b) {
    return std::make_pair(-nation.DeathDay(a), a) < std::make_pair(-nation.DeathDay(b), b);
  });
  for (uint64_t k = 0; k < spec.deceased; ++k) sample.deceased.push_back(nation.Code(dead[k]));

  if (spec.unknown > kMaxUnknown) return TooSmall("unknown");
  for (uint64_t k = 0; k < spec.unknown; ++k) sample.unknown.push_back(nation.UnusedCode(k));

  for (const auto& [number, code] : nation.superseded()) {
    if (sample.superseded.size() == spec.superseded) break;
    if (nation.DeathDay(number) == Nation::kAlive) sample.superseded.push_back(code);
  }
  if (sample.superseded.size() < spec.superseded) return TooSmall("superseded");

  sample.codes = sample.deceased;
  sample.codes.insert(sample.codes.end(), sample.unknown.begin(), sample.unknown.end());
  sample.codes.insert(sample.codes.end(), sample.superseded.begin(), sample.superseded.end());
  // The living, oldest first; the codes that are spoiled are taken from the same people.
  uint64_t number = 0;
  const auto next_living = [&] {
    while (number < nation.size() && nation.DeathDay(number) != Nation::kAlive) ++number;
    return number < nation.size();
  };
  for (uint64_t k = 0; k < spec.size - others; ++k, ++number) {
    if (!next_living()) return TooSmall("size");
    sample.codes.push_back(nation.Code(number));
  }
  for (uint64_t k = 0; k < spec.malformed; ++k, ++number) {
    if (!next_living()) return TooSmall("malformed");
    sample.malformed.push_back(Spoil(nation.Code(number), k));
    sample.codes.push_back(sample.malformed.back());
  }

  Random random(seed, 0xC0DE5);
  for (uint64_t i = sample.codes.size(); i > 1; --i)
    std::swap(sample.codes[i - 1], sample.codes[random.Below(i)]);
  return sample;
}

}  // namespace egov::population::generator
