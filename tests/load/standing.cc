// resident and start: what a register with a nation in it needs to stand there.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_format.h"
#include "libs/base/status.h"
#include "tests/load/rows.h"

namespace egov::load {

absl::Status StandingRows(Bench* bench) {
  Register& reg = *bench->big;
  const bool after_load = reg.process().ResidentBytes() != 0;
  const double loaded = static_cast<double>(reg.process().ResidentBytes());
  const double peak = static_cast<double>(reg.process().PeakBytes());
  if (after_load) EGOV_RETURN_IF_ERROR(reg.Stop());
  // The baselines read what the load has left.
  bench->frozen = bench->Folder("frozen") + "/store";
  std::filesystem::copy(reg.store_directory(), bench->frozen,
                        std::filesystem::copy_options::recursive);

  std::vector<double> starts, residents;
  const int rounds = bench->Wants({"start", "resident"}) ? bench->rounds : 1;
  for (int round = 0; round < rounds; ++round) {
    if (round > 0) EGOV_RETURN_IF_ERROR(reg.Stop());
    EGOV_ASSIGN_OR_RETURN(const absl::Duration took, reg.Start());
    starts.push_back(absl::ToDoubleSeconds(took));
    residents.push_back(static_cast<double>(reg.process().ResidentBytes()));
  }
  constexpr double kMiB = 1 << 20;
  if (bench->Wants({"resident"})) {
    constexpr double kAllowed = 1024;
    const double restarted = Median(residents) / kMiB;
    const double most = std::max(restarted, loaded / kMiB);
    bench->report->Add({"resident", most, "MiB", kAllowed, most / kAllowed,
                        absl::StrFormat("the greater of: after the load %.0f MiB, after a restart "
                                        "%.0f MiB; at most while loading %.0f MiB",
                                        loaded / kMiB, restarted, peak / kMiB)});
  }
  if (bench->Wants({"start"})) {
    constexpr double kAllowed = 2;
    const double start = Median(starts);
    bench->report->Add({"start", start, "s", kAllowed, start / kAllowed, ""});
  }
  return absl::OkStatus();
}

}  // namespace egov::load
