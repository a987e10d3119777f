// The way of a request without its transport: a pipeline over a real store, with the register of
// library cards on it. For tests that run where gRPC cannot (the thread sanitizer) or that make
// every byte of a question themselves.
#ifndef EGOV_LIBS_EXCHANGE_TESTING_CORE_H_
#define EGOV_LIBS_EXCHANGE_TESTING_CORE_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "egov/access/v1/access_service.pb.h"
#include "libs/base/clock.h"
#include "libs/exchange/pipeline.h"
#include "libs/exchange/testing/lending.h"
#include "libs/pki/testing/authority.h"

namespace egov::exchange::testing {

constexpr char kCoreAudience[] = "spiffe://ee/GOV/70000562/lending";

// A caller with its seal.
struct CoreMember {
  std::string spiffe;
  pki::testing::Identity seal;
};

class Core {
 public:
  Core();
  ~Core();

  // "ee/COM/10000024/shop"; any thread, after the first call for that name.
  const CoreMember& Member(const std::string& xroad);

  // Grants and revokes as an officer's command would.
  std::string Grant(const std::string& xroad, const std::string& method, const std::string& purpose,
                    const std::vector<std::string>& items = {});
  absl::Status Revoke(const std::string& right_id);

  // A right header for the question, to be spoilt or sealed.
  egov::exchange::v1::Header Header(const CoreMember& member, const std::string& method,
                                    const std::string& purpose,
                                    const std::vector<std::string>& items,
                                    const std::string& request, const std::string& salt) const;
  // The question as it comes from the wire, under the member's seal (a batch of one).
  Question Seal(const CoreMember& member, const std::string& method,
                const egov::exchange::v1::Header& header, const std::string& request,
                const std::string& salt) const;

  // Serves it and waits.
  Reply Serve(Question question);
  // The same in the two steps of a stream's window.
  std::shared_ptr<Pipeline::Attempt> Prepare(Question question);
  Reply Serve(std::shared_ptr<Pipeline::Attempt> prepared);
  // All of that.
  Reply Ask(const CoreMember& member, const std::string& method, const std::string& purpose,
            const std::vector<std::string>& items, const google::protobuf::Message& request);

  // Called in each run of a call's transaction, once its subjects were looked up. Set while nothing
  // is served.
  void set_between(std::function<void()> between) { watched_.between = std::move(between); }

  // Moves the pipeline's clock away from the machine's.
  void StepClock(absl::Duration by) { clock_.micros += absl::ToInt64Microseconds(by); }

  TrustFiles trust_files() const;
  const pki::Certificate& log_certificate() const { return log_seal_.certificate; }
  evidence::Log& log() { return *log_; }
  storage::Store& store() { return *store_; }
  pki::PublicKey log_key() const { return log_seal_.key.public_key(); }

 private:
  struct Watched final : Subjects {
    absl::Status Resolve(storage::Reader& reader, absl::Span<const disclosure::Subject> asked,
                         std::vector<disclosure::SubjectKey>* keys) override {
      const absl::Status resolved = lending->Resolve(reader, asked, keys);
      if (between) between();
      return resolved;
    }
    Lending* lending = nullptr;
    std::function<void()> between;
  };

  struct SteppingClock final : base::Clock {
    absl::Time Now() const override { return Real().Now() + absl::Microseconds(micros.load()); }
    std::atomic<int64_t> micros{0};
  };

  SteppingClock clock_;
  std::string directory_;
  pki::testing::Identity root_, seals_, log_seal_;
  std::map<std::string, CoreMember> members_;
  std::unique_ptr<Trust> trust_;
  std::unique_ptr<evidence::Log> log_;  // hooks of the store outlive it
  std::unique_ptr<access::Access> access_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<disclosure::Usage> usage_;
  Lending lending_;
  Watched watched_;
  std::map<std::string, std::unique_ptr<BoundMethod>> methods_;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace egov::exchange::testing

#endif  // EGOV_LIBS_EXCHANGE_TESTING_CORE_H_
