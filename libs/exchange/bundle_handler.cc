#include "libs/exchange/bundle_handler.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "egov/exchange/v1/bundle_service.pb.h"
#include "libs/base/status.h"
#include "libs/exchange/bytes.h"
#include "libs/exchange/stream_handler.h"
#include "libs/rpc/deadline.h"
#include "libs/rpc/error_map.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using egov::exchange::v1::BundledAnswer;
using egov::exchange::v1::BundledCall;
using egov::exchange::v1::CallBundleRequest;
using egov::exchange::v1::CallBundleResponse;
using grpc::ByteBuffer;
using grpc::CallbackServerContext;

// A unary method and what is counted of it.
struct Bundled {
  const BoundMethod* method;
  rpc::MethodMetrics* metrics;
};

// A bundle until its last call has ended.
struct Bundle {
  CallbackServerContext* context;
  ByteBuffer* response;
  grpc::ServerUnaryReactor* reactor;
  Bundled bundled;
  std::string caller;
  absl::Time received;
  CallBundleResponse answers;      // one for each call from the start; each is written by one call
  std::vector<rpc::Lease> leases;  // likewise
  std::atomic<int> open{0};        // calls that have not ended
};

void End(const HandlerParts& parts, Bundle& bundle, int index, Reply reply) {
  BundledAnswer& answer = *bundle.answers.mutable_answers(index);
  answer.set_receipt(std::move(reply.receipt));
  answer.set_salt(std::move(reply.salt));
  if (reply.status.ok()) {
    if (!reply.parts.empty()) answer.set_message(std::move(reply.parts[0]));
  } else {
    const grpc::Status told = ToGrpcStatus(reply.status, reply.details, parts.short_name);
    answer.set_code(static_cast<uint32_t>(told.error_code()));
    answer.set_status_message(told.error_message());
    answer.set_details(told.error_details());
  }
  CallEnded(parts, *bundle.context, bundle.bundled.method->contract->path(), bundle.caller,
            bundle.received, reply, bundle.bundled.metrics);
  bundle.leases[index].Release();
  if (bundle.open.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  *bundle.response = ToBuffer(bundle.answers.SerializeAsString());
  bundle.reactor->Finish(grpc::Status::OK);
}

absl::Status BadBundle(absl::string_view text, absl::string_view field,
                       absl::string_view expected) {
  return base::Error(StatusCode::kInvalidArgument, "BAD_BUNDLE", text)
      .Field(field)
      .Expected(expected);
}

}  // namespace

grpc::internal::MethodHandler* BundleHandler(const std::vector<const BoundMethod*>& methods,
                                             const HandlerParts& parts) {
  std::map<std::string, Bundled> bundled;
  for (const BoundMethod* method : methods) {
    if (!method->unary()) continue;
    bundled[method->contract->path()] = {
        method, &parts.metrics->For(method->service, method->name, "unary")};
  }
  const rpc::Counter together = parts.metrics->GetCounter(
      "egov_bundled_calls_total", "Calls that came together with others in one message.");
  return new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
      [bundled, parts, together](CallbackServerContext* context, const ByteBuffer* request,
                                 ByteBuffer* response) {
        grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
        const auto refuse = [&](const absl::Status& status) {
          reactor->Finish(rpc::ToGrpc(status, parts.short_name));
          return reactor;
        };
        const absl::Time now = parts.clock->Now();
        const auto peer = parts.peers->Identify(*context->auth_context());
        if (!peer.ok()) return refuse(peer.status());
        const auto deadline = rpc::AdmitDeadline(context->deadline(), now);
        if (!deadline.ok()) return refuse(deadline.status());
        CallBundleRequest calls;
        if (!ParseFrom(*request, &calls))
          return refuse(BadBundle("the bundle does not parse", "", "a CallBundleRequest"));
        if (calls.calls().empty() || calls.calls_size() > kMaxBundle) {
          return refuse(BadBundle("a bundle of none, or of too many", "calls",
                                  absl::StrCat("1 to ", kMaxBundle)));
        }
        const auto found = bundled.find(calls.method());
        if (found == bundled.end()) {
          return refuse(BadBundle("calls of this method cannot be bundled", "method",
                                  "/package.Service/Method of a unary method with sealed headers"));
        }

        auto bundle = std::make_shared<Bundle>();
        bundle->context = context;
        bundle->response = response;
        bundle->reactor = reactor;
        bundle->bundled = found->second;
        bundle->caller = (*peer)->spiffe;
        bundle->received = now;
        for (int i = 0; i < calls.calls_size(); ++i) bundle->answers.add_answers();
        bundle->leases.resize(static_cast<size_t>(calls.calls_size()));
        bundle->open = calls.calls_size();
        const std::string certificate = Metadata(*context, kCertificateKey);
        if (!certificate.empty())
          context->AddTrailingMetadata(kCertificateKey, parts.log_certificates);

        rpc::Counter(together).Add(calls.calls_size());
        for (int i = 0; i < calls.calls_size(); ++i) {
          BundledCall& call = *calls.mutable_calls(i);
          bundle->bundled.metrics->Started();
          auto lease = parts.admission->Admit(static_cast<int64_t>(call.message().size()));
          if (!lease.ok()) {
            Reply reply;
            reply.status = lease.status();
            End(parts, *bundle, i, std::move(reply));
            continue;
          }
          bundle->leases[i] = *std::move(lease);
          Question question;
          question.method = found->second.method;
          question.caller = bundle->caller;
          question.tls_certificate = (*peer)->certificate_sha256;
          question.sealed_header = std::move(*call.mutable_header());
          question.salt = std::move(*call.mutable_salt());
          question.end_user = std::move(*call.mutable_end_user());
          question.certificate = certificate;
          question.parts.push_back(std::move(*call.mutable_message()));
          question.received = now;
          question.deadline = deadline->inner;
          parts.pipeline->Serve(std::move(question), [parts, bundle, i](Reply reply) {
            End(parts, *bundle, i, std::move(reply));
          });
        }
        return reactor;
      });
}

}  // namespace egov::exchange
