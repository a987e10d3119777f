#include "libs/exchange/bundle_handler.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "egov/exchange/v1/bundle_service.pb.h"
#include "libs/base/status.h"
#include "libs/exchange/bundle.h"
#include "libs/exchange/bytes.h"
#include "libs/exchange/stream_handler.h"
#include "libs/rpc/deadline.h"
#include "libs/rpc/error_map.h"
#include "libs/rpc/server.h"

namespace egov::exchange {
namespace {

using egov::exchange::v1::BundledAnswer;
using egov::exchange::v1::CallBundleResponse;
using grpc::ByteBuffer;
using grpc::CallbackServerContext;

// Receipt, salt and framing beside each answer.
static_assert(kMaxBundle * (kMaxBundledAnswer + 4096) <=
              static_cast<size_t>(rpc::ServerOptions::kMaxSendBytes));

// A unary method and what is counted of it.
struct Bundled {
  const BoundMethod* method = nullptr;
  rpc::MethodMetrics* metrics = nullptr;
};

struct BundleParts : HandlerParts {
  explicit BundleParts(const HandlerParts& parts) : HandlerParts(parts) {}
  std::map<std::string, Bundled, std::less<>> methods;  // by path
  rpc::MethodMetrics* metrics = nullptr;                // of CallBundle
  rpc::Counter calls;                                   // that came in bundles
};

// A bundle, until its answer has left. Calls end on any thread, each once.
class Bundle final : public grpc::ServerUnaryReactor {
 public:
  Bundle(const BundleParts* parts, CallbackServerContext* context, ByteBuffer* response)
      : parts_(*parts), context_(context), response_(response), received_(parts->clock->Now()) {
    parts_.metrics->Started();
  }

  void Begin(const ByteBuffer& request) {
    const absl::Status begun = Serve(request);
    if (!begun.ok()) End(begun);
  }

  // The budget has the answers too until they have left.
  void OnDone() override { delete this; }

 private:
  // An error: no call was begun.
  absl::Status Serve(const ByteBuffer& request) {
    EGOV_ASSIGN_OR_RETURN(const auto peer, parts_.peers->Identify(*context_->auth_context()));
    caller_ = peer->spiffe;
    EGOV_ASSIGN_OR_RETURN(const rpc::Deadline deadline,
                          rpc::AdmitDeadline(context_->deadline(), received_));
    const std::string bytes = ToString(request);
    EGOV_ASSIGN_OR_RETURN(const BundleBytes bundle, ReadBundle(bytes));
    const auto found = parts_.methods.find(bundle.method);
    if (found == parts_.methods.end()) {
      return BadBundle("calls of this method cannot be bundled", "method",
                       "/package.Service/Method of a unary method with sealed headers");
    }
    bundled_ = found->second;
    EGOV_RETURN_IF_ERROR(parts_.pipeline->MayKnock(caller_, *bundled_.method));
    // Read here, so that calls that end on several threads find it read (gRPC does it at the first
    // look).
    const std::string certificate = Metadata(*context_, kCertificateKey);
    if (!certificate.empty())
      context_->AddTrailingMetadata(kCertificateKey, parts_.log_certificates);
    const int count = static_cast<int>(bundle.calls.size());
    answers_.mutable_answers()->Reserve(count);
    for (int i = 0; i < count; ++i) answers_.add_answers();
    leases_.resize(bundle.calls.size());
    open_ = count;
    rpc::Counter(parts_.calls).Add(count);
    for (int i = 0; i < count; ++i) {
      bundled_.metrics->Started();
      const BundledBytes& call = bundle.calls[i];
      auto lease = parts_.admission->Admit(static_cast<int64_t>(call.size()));
      if (!lease.ok()) {
        Reply reply;
        reply.status = lease.status();
        Ended(i, std::move(reply));
        continue;
      }
      leases_[i] = *std::move(lease);
      Question question;
      question.method = bundled_.method;
      question.caller = caller_;
      question.tls_certificate = peer->certificate_sha256;
      question.sealed_header = std::string(call.header);
      question.salt = std::string(call.salt);
      question.end_user = std::string(call.end_user);
      question.certificate = certificate;
      question.parts.emplace_back(call.message);
      question.received = received_;
      question.deadline = deadline.inner;
      question.answer_room = kMaxBundledAnswer;
      question.lease = &leases_[i];
      parts_.pipeline->Serve(std::move(question),
                             [this, i](Reply reply) { Ended(i, std::move(reply)); });
    }
    return absl::OkStatus();
  }

  void Ended(int index, Reply reply) {
    BundledAnswer& answer = *answers_.mutable_answers(index);
    answer.set_receipt(std::move(reply.receipt));
    answer.set_salt(std::move(reply.salt));
    if (!reply.status.ok()) {
      answer.set_status(
          ToGrpcStatus(reply.status, reply.details, parts_.short_name).error_details());
    } else if (!reply.parts.empty()) {
      answer.set_message(std::move(reply.parts[0]));
    }
    CallEnded(parts_, *context_, bundled_.method->contract->path(), caller_, received_, reply,
              bundled_.metrics);
    if (open_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    *response_ = ToBuffer(answers_.SerializeAsString());
    answers_.Clear();
    End(absl::OkStatus());
  }

  void End(const absl::Status& status) {
    Reply reply;
    reply.status = status;
    CallEnded(parts_, *context_, kCallBundle, caller_, received_, reply, parts_.metrics);
    Finish(rpc::ToGrpc(status, parts_.short_name));
  }

  const BundleParts& parts_;
  CallbackServerContext* const context_;
  ByteBuffer* const response_;
  const absl::Time received_;
  std::string caller_;
  Bundled bundled_;
  CallBundleResponse answers_;      // each is written by its call alone
  std::vector<rpc::Lease> leases_;  // likewise
  std::atomic<int> open_{0};        // calls that have not ended
};

}  // namespace

grpc::internal::MethodHandler* BundleHandler(const std::vector<const BoundMethod*>& methods,
                                             const HandlerParts& parts) {
  const auto bundles = std::make_shared<BundleParts>(parts);
  for (const BoundMethod* method : methods) {
    if (!method->unary()) continue;
    bundles->methods[method->contract->path()] = {
        method, &parts.metrics->For(method->service, method->name, "unary")};
  }
  bundles->metrics = &parts.metrics->For(kBundleService, "CallBundle", "unary");
  bundles->calls =
      parts.metrics->GetCounter("egov_bundled_calls_total", "Unary calls that came in bundles.");
  return new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
      [bundles](CallbackServerContext* context, const ByteBuffer* request, ByteBuffer* response) {
        auto* const bundle = new Bundle(bundles.get(), context, response);
        bundle->Begin(*request);
        return bundle;
      });
}

}  // namespace egov::exchange
