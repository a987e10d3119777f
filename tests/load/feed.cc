// feed: WatchChanges from the first change on, beside a plain gRPC stream of the same messages.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/base/status.h"
#include "services/population/client/population_client.h"
#include "tests/load/echo_server.h"
#include "tests/load/parts.h"
#include "tests/load/rows.h"

namespace egov::load {

namespace v1 = ::egov::population::v1;

absl::Status FeedRows(const Bench& bench) {
  if (!bench.Wants({"feed"})) return absl::OkStatus();
  EGOV_ASSIGN_OR_RETURN(const auto board, bench.big->Member(kBoard));
  const auto client = population::MakePopulationClient(board.get());
  v1::WatchChangesRequest request;
  request.set_until_now(true);
  std::vector<std::string> kept;
  // What is told while others are told must not grow: this row runs alone.
  const auto watch = [&](bool keep) -> absl::StatusOr<uint64_t> {
    uint64_t changes = 0;
    EGOV_RETURN_IF_ERROR(client->WatchChanges(For("pension-payment", {"population.change"}),
                                              request, absl::Minutes(5),
                                              [&](const v1::WatchChangesResponse& part) {
                                                changes += part.changes_size();
                                                if (keep) kept.push_back(part.SerializeAsString());
                                                return true;
                                              }));
    return changes;
  };
  EGOV_ASSIGN_OR_RETURN(const uint64_t expected, watch(true));
  const std::string folder = bench.Folder("feed");
  EGOV_RETURN_IF_ERROR(WriteParts(kept, folder + "/parts"));
  kept.clear();

  const exchange::RegisterConfig& config = bench.big->config();
  const int port = FreePort();
  EGOV_ASSIGN_OR_RETURN(
      const std::unique_ptr<Process> process,
      Process::Start({bench.self, "--serve-echo", absl::StrCat(port), config.tls().key(),
                      config.tls().certificate(), config.tls().anchors(), "0", folder + "/parts"},
                     folder + "/log"));
  const exchange::ClientOptions member = bench.world->Member(kBoard, config, port);
  rpc::ChannelOptions options;
  options.target = member.target;
  options.audience = member.audience;
  options.tls = member.tls;
  options.wait_for_ready = true;
  EGOV_ASSIGN_OR_RETURN(const auto channels, rpc::Channels::Create(options));
  EGOV_RETURN_IF_ERROR(Replay(channels.get()).status());

  std::vector<double> feeds, streams, cpus, stream_cpus;
  for (int round = 0; round < bench.rounds; ++round) {
    absl::Duration cpu = OwnCpu() + bench.big->process().Cpu();
    absl::Time begun = absl::Now();
    EGOV_ASSIGN_OR_RETURN(const uint64_t told, watch(false));
    feeds.push_back(told / absl::ToDoubleSeconds(absl::Now() - begun));
    cpus.push_back(absl::ToDoubleMicroseconds(OwnCpu() + bench.big->process().Cpu() - cpu) / told);
    cpu = OwnCpu() + process->Cpu();
    begun = absl::Now();
    EGOV_ASSIGN_OR_RETURN(const uint64_t replayed, Replay(channels.get()));
    streams.push_back(replayed / absl::ToDoubleSeconds(absl::Now() - begun));
    stream_cpus.push_back(absl::ToDoubleMicroseconds(OwnCpu() + process->Cpu() - cpu) / replayed);
    if (told != expected || replayed != expected)
      return absl::InternalError("feed and stream told different numbers of changes");
  }
  const double feed = Median(feeds), stream = Median(streams);
  bench.report->Add(
      {"feed", feed, "changes/s", stream, feed / stream,
       absl::StrFormat("%d changes; CPU a change %.2f us, of the plain stream %.2f us", expected,
                       Median(cpus), Median(stream_cpus))});
  return absl::OkStatus();
}

}  // namespace egov::load
