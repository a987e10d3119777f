#include "tests/load/echo_server.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/client_callback.h>
#include <signal.h>

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/error_map.h"
#include "libs/rpc/testing/client.h"
#include "libs/rpc/testing/echo.h"
#include "tests/load/parts.h"

namespace egov::load {
namespace {

using egov::population::v1::WatchChangesResponse;
using grpc::ByteBuffer;

// Sends all messages, each serialized when its turn comes, as a service does that has them.
class ReplayStream final : public grpc::ServerGenericBidiReactor {
 public:
  explicit ReplayStream(const std::vector<WatchChangesResponse>* parts) : parts_(parts) { Next(); }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    Next();
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (next_ == parts_->size()) return Finish(grpc::Status::OK);
    buffer_ = rpc::testing::ToBuffer((*parts_)[next_++].SerializeAsString());
    StartWrite(&buffer_);
  }

  const std::vector<WatchChangesResponse>* const parts_;
  size_t next_ = 0;
  ByteBuffer buffer_;
};

class ReplayService final : public grpc::CallbackGenericService {
 public:
  explicit ReplayService(std::vector<WatchChangesResponse> parts) : parts_(std::move(parts)) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new ReplayStream(&parts_);
  }

 private:
  const std::vector<WatchChangesResponse> parts_;
};

class ReplayReader final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  ReplayReader(grpc::TemplatedGenericStub<ByteBuffer, ByteBuffer>* stub,
               grpc::ClientContext* context) {
    stub->PrepareBidiStreamingCall(context, kReplayMethod, {}, this);
    StartRead(&buffer_);
    StartWritesDone();
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    WatchChangesResponse part;
    part.ParseFromString(rpc::testing::ToString(buffer_));
    changes_ += part.changes_size();
    buffer_.Clear();
    StartRead(&buffer_);
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
    over_ = true;
    ended_.notify_all();
  }
  absl::StatusOr<uint64_t> Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return over_; });
    if (!status_.ok()) return rpc::FromGrpc(status_);
    return changes_;
  }

 private:
  ByteBuffer buffer_;
  uint64_t changes_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  grpc::Status status_;
};

// A call under way.
struct EchoCall {
  grpc::ClientContext context;
  ByteBuffer request, response;
  Done done;
};

}  // namespace

absl::Status ServeEcho(const EchoOptions& options) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  rpc::TlsOptions tls;
  tls.files = options.tls;
  EGOV_ASSIGN_OR_RETURN(const auto credentials, rpc::ServerTls(tls));
  std::vector<WatchChangesResponse> parts;
  if (!options.parts.empty()) {
    EGOV_ASSIGN_OR_RETURN(const std::vector<std::string> bytes, ReadParts(options.parts));
    parts.resize(bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) parts[i].ParseFromString(bytes[i]);
  }
  const std::string answer(options.response_bytes, 'x');
  const auto echo = rpc::testing::NewEchoService(
      [&answer](grpc::CallbackServerContext* context, const ByteBuffer*, ByteBuffer* response) {
        *response = rpc::testing::ToBuffer(answer);
        grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
      });
  ReplayService replay(std::move(parts));
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", options.port), credentials);
  builder.RegisterService(echo.get());
  builder.RegisterCallbackGenericService(&replay);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before gRPC's threads are made, which inherit it
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("the echo server cannot listen");
  int signal = 0;
  sigwait(&ends, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return absl::OkStatus();
}

Issue EchoCalls(rpc::Channels* channels, size_t request_bytes) {
  auto stub =
      std::make_shared<grpc::TemplatedGenericStub<ByteBuffer, ByteBuffer>>(channels->Next());
  return [channels, stub, question = std::string(request_bytes, 'x')](Done done) {
    auto* const call = new EchoCall;
    channels->Prepare(&call->context, absl::Seconds(30));
    call->request = rpc::testing::ToBuffer(question);
    call->done = std::move(done);
    stub->UnaryCall(&call->context, rpc::testing::kEchoMethod, {}, &call->request, &call->response,
                    [call](grpc::Status status) {
                      // Read out, as who called wants it.
                      const std::string answer = rpc::testing::ToString(call->response);
                      const Done done = std::move(call->done);
                      const absl::Status result = rpc::FromGrpc(status);
                      delete call;
                      done(result);
                    });
  };
}

absl::StatusOr<uint64_t> Replay(rpc::Channels* channels) {
  grpc::TemplatedGenericStub<ByteBuffer, ByteBuffer> stub(channels->Next());
  grpc::ClientContext context;
  channels->Prepare(&context, absl::Minutes(5));
  ReplayReader reader(&stub, &context);
  return reader.Wait();
}

}  // namespace egov::load
