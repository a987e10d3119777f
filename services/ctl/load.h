// Loads a stream of people (services/population/stream) into a register, window by window: the core
// of `egovctl population load`, callable in process.
//
// A window is one act in one transaction. Its request_id follows from the file's id and the
// window's first person, so a window that was taken in already, though its answer was lost, is
// answered as at first and happens once. While the register works on one window the next is read
// and sent.
//
// Thread safety: free functions.
#ifndef EGOV_SERVICES_CTL_LOAD_H_
#define EGOV_SERVICES_CTL_LOAD_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/exchange/client.h"
#include "services/ctl/consistency.h"

namespace egov::ctl {

struct LoadOptions {
  std::string in;
  exchange::Purpose purpose;
  absl::Duration timeout = absl::Hours(2);
  // A file that remembers what was acknowledged, so that a load that was cut does not send it
  // again. Only a saving of time: without it everything is sent, and taken in once all the same.
  // Empty: none.
  std::string place;
  std::function<void(uint64_t people)> progress;  // may be null
  Warn warn;                                      // may be null
};

struct LoadSummary {
  uint64_t people = 0;   // in the file
  uint64_t passed = 0;   // acknowledged to an earlier load, not sent
  uint64_t windows = 0;  // sent now
};

// Errors: those of the exchange, with metadata "first" and "last" (numbers of people in the file)
// when a window was refused; those of the stream's file; those of CheckLog, before a window counts
// as acknowledged.
absl::StatusOr<LoadSummary> LoadPeople(exchange::Client& client, const LoadOptions& options);

// The request_id of the window that begins with person number `first` of the file `id`: a UUID of
// version 8.
std::string LoadRequestId(absl::string_view id, uint64_t first);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_LOAD_H_
