// A window on its way through the pipeline. Internal to pipeline.cc and feed.cc.
#ifndef EGOV_LIBS_EXCHANGE_ATTEMPT_H_
#define EGOV_LIBS_EXCHANGE_ATTEMPT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "google/protobuf/arena.h"
#include "libs/exchange/pipeline.h"
#include "libs/proof/wire.h"

namespace egov::exchange {

// A part may be parsed into some 8 MiB: blocks that grow to 1 MiB, not 8 KiB, cost little to get
// and to give back.
inline google::protobuf::ArenaOptions LargeBlocks() {
  google::protobuf::ArenaOptions options;
  options.max_block_size = size_t{1} << 20;
  return options;
}

// One window on its way. Lives until its reply is given, however often its transaction runs.
struct Pipeline::Attempt {
  Question question;
  Done done;

  proof::OpenedHeader opened;
  std::vector<std::string> items;
  std::shared_ptr<const Signer> signer;
  absl::Status unadmitted;  // found before the seal was verified: leaves no record
  absl::Status refusal;     // found before the transaction, and to be recorded
  bool spent = false;
  access::Grant grant;

  google::protobuf::Arena arena{LargeBlocks()};
  bool parsed = false;
  absl::Status unreadable;                                 // why the parts do not parse
  std::vector<const google::protobuf::Message*> requests;  // of a load none: its parts go at once
  std::vector<disclosure::Subject> asked;
  std::vector<disclosure::SubjectKey> keys;
  Call call;
  absl::optional<absl::StatusOr<Method::Prepared>> prepared;  // of a load: its first step
  // What the parts of the question say of the whole.
  size_t parts_seen = 0;
  std::string scheme;      // of the first
  std::string request_id;  // of an act: that of the first
  bool one_act = true;     // and of all
  // Of an act: what it is known by when it comes again (rows::FirstAnswer). Made once.
  std::string act_salt;
  std::string act_digest;

  size_t charged = 0;  // bytes of the answer that the lease has
  // Of the latest run:
  int runs = 0;
  absl::Status outcome;
  Reply reply;
  std::string record;
  bool more = false;  // a feed's window that others follow

  // Of a feed: its command's place, and how its step ended.
  bool is_feed = false;
  bool first_window = true;
  std::string cursor;
  std::string next_cursor;
  FeedStep step = FeedStep::kMore;
  std::vector<std::unique_ptr<google::protobuf::Message>> told;
  uint64_t revision = 0;

  const egov::exchange::v1::Header& header() const { return opened.header; }

  // Notes what a part says of the whole question.
  void See(const google::protobuf::Message& part);
};

class Pipeline::Feed {
 public:
  std::shared_ptr<Attempt> attempt;
};

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_ATTEMPT_H_
