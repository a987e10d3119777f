// What a command of a register may know of the call it serves. Commands never see rights, seals or
// evidence.
#ifndef EGOV_LIBS_EXCHANGE_CALL_H_
#define EGOV_LIBS_EXCHANGE_CALL_H_

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/base/ids.h"
#include "libs/disclosure/contract.h"
#include "libs/disclosure/usage.h"
#include "libs/storage/store.h"

namespace egov::exchange {

// One call, or one window of one. Views are valid while the command runs.
struct Call {
  absl::Time now;  // when the question had arrived; the same however often the command runs
  base::Ids* ids = nullptr;
  absl::string_view caller;             // SPIFFE URI of the subsystem
  absl::string_view message_id;         // 16 bytes
  absl::Span<const std::string> items;  // what was asked for and is allowed, sorted

  // The subjects that the question names (`discloses.subject`), in order, and the register's keys
  // for them as its Subjects resolved them; 0: nobody. A load has neither: it writes people rather
  // than asking about them, and looks up for itself whom it needs.
  absl::Span<const disclosure::Subject> asked;
  absl::Span<const disclosure::SubjectKey> keys;

  // Whether `item` is among the items.
  bool Wants(absl::string_view item) const {
    return std::binary_search(items.begin(), items.end(), item);
  }
};

// Finds the register's own key of an identifier. Given by the register; thread safe.
class Subjects {
 public:
  virtual ~Subjects() = default;

  // Sets keys[i] for asked[i]; 0 when nobody has it or it is malformed. Few are looked up in
  // `reader`, so that what the transaction itself has written is found; how many are looked up
  // faster is the register's own affair.
  virtual absl::Status Resolve(storage::Reader& reader, absl::Span<const disclosure::Subject> asked,
                               std::vector<disclosure::SubjectKey>* keys) = 0;
};

// Takes the parts of a window of answers, each at most 1 MiB serialized.
template <typename Response>
using Emit = absl::FunctionRef<absl::Status(Response part)>;

// What a feed's command says after each step.
enum class FeedStep {
  kMore,  // there is more at once: call again
  kIdle,  // told all there is: call again when something was committed
  kEnd,   // the caller wanted no more than there is
};

// The commands of a register. All may run more than once for one call and must depend on nothing
// but their arguments.
template <typename Request, typename Response>
using ReadCommand =
    std::function<absl::StatusOr<Response>(storage::Transaction&, const Call&, const Request&)>;
template <typename Request, typename Response>
using WriteCommand = ReadCommand<Request, Response>;

// A window of questions in, parts of a window of answers out. When all subjects of the question are
// one list of strings, it is in `call.asked` and not in the parts (disclosure::Contract::Parse).
template <typename Request, typename Response>
using QueryCommand =
    std::function<absl::Status(storage::Transaction&, const Call&,
                               absl::Span<const Request* const> parts, Emit<Response> emit)>;

// The parts of a window, one after the other; null after the last. Each goes when the next one is
// asked for: in the same memory, because together they are ten times the window's bytes.
template <typename Request>
using NextPart = absl::FunctionRef<const Request*()>;

// A window of one act, in its parts, and in two steps. What can be told of the parts alone is done
// first, perhaps while the window before is still being written; what that returns does the rest,
// everything in one transaction. `call` stays valid for both.
template <typename Response>
using LoadStep = std::function<absl::StatusOr<Response>(storage::Transaction&)>;
template <typename Request, typename Response>
using LoadCommand =
    std::function<absl::StatusOr<LoadStep<Response>>(const Call&, NextPart<Request> next)>;

// One step of a feed: tells what comes after *cursor, at most a window of it, and moves *cursor
// (empty at first; the command takes the start from the request then).
template <typename Request, typename Response>
using FeedCommand = std::function<absl::StatusOr<FeedStep>(
    storage::Reader&, const Call&, const Request&, std::string* cursor, Emit<Response> emit)>;

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_CALL_H_
