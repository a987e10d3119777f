#include "services/identity/ca/signer.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/identity/common/config.h"
#include "services/identity/common/errors.h"
#include "services/identity/common/files.h"
#include "services/identity/common/frames.h"
#include "services/identity/common/process.h"

namespace egov::identity {
namespace {

const char* NameOf(ca::SignerRequest::WhatCase what) {
  switch (what) {
    case ca::SignerRequest::kEnrol:
      return "enrol";
    case ca::SignerRequest::kRenew:
      return "renew";
    case ca::SignerRequest::kMakeToken:
      return "make token";
    case ca::SignerRequest::kRevoke:
      return "revoke";
    case ca::SignerRequest::kList:
      return "list";
    case ca::SignerRequest::kStatus:
      return "status";
    case ca::SignerRequest::WHAT_NOT_SET:
      break;
  }
  return "nothing";
}

absl::Status Answer(Ca& authority, const ca::SignerRequest& request, bool officer,
                    const std::string& actor, ca::SignerReply* reply) {
  switch (request.what_case()) {
    case ca::SignerRequest::kEnrol: {
      EGOV_ASSIGN_OR_RETURN(*reply->mutable_issued(), authority.Enrol(request.enrol(), actor));
      return absl::OkStatus();
    }
    case ca::SignerRequest::kRenew: {
      EGOV_ASSIGN_OR_RETURN(*reply->mutable_issued(), authority.Renew(request.renew(), actor));
      return absl::OkStatus();
    }
    case ca::SignerRequest::kStatus:
      return authority.Maintain();
    case ca::SignerRequest::WHAT_NOT_SET:
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_ORDER", "nothing is asked");
    default:
      break;
  }
  if (!officer) {
    return base::Error(absl::StatusCode::kPermissionDenied, "OFFICERS_ONLY",
                       "this is asked over the officers' socket only");
  }
  if (request.has_make_token()) {
    EGOV_ASSIGN_OR_RETURN(*reply->mutable_token(),
                          authority.MakeToken(request.make_token(), actor));
  } else if (request.has_revoke()) {
    EGOV_ASSIGN_OR_RETURN(const uint32_t count, authority.Revoke(request.revoke(), actor));
    reply->set_revoked(count);
  } else {
    for (auto& listed : authority.List(request.list())) *reply->add_listed() = std::move(listed);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ca::Config> ReadCaConfig(const std::string& path) {
  ca::Config config;
  EGOV_RETURN_IF_ERROR(ReadConfig(path, &config));
  EGOV_RETURN_IF_ERROR(RequireValue(config.home(), "home"));
  if (config.enrolment_socket().empty()) {
    config.set_enrolment_socket(config.home() + "/run/enrolment.sock");
  }
  if (config.admin_socket().empty()) config.set_admin_socket(config.home() + "/run/admin.sock");
  if (config.status_socket().empty()) config.set_status_socket(config.home() + "/run/status.sock");
  for (const int hours : {config.transport_hours(), config.seal_hours(), config.time_stamp_hours(),
                          config.crl_hours(), config.ocsp_hours()}) {
    if (hours < 0) {
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG", "a lifetime below zero");
    }
  }
  return config;
}

ca::SignerReply AnswerSigner(Ca& authority, const ca::SignerRequest& request, bool officer,
                             const std::string& actor, rpc::Logger& log) {
  ca::SignerReply reply;
  const absl::Status status = Answer(authority, request, officer, actor, &reply);
  const auto detail = base::DetailOf(status);
  if (!status.ok()) {
    reply.Clear();
    *reply.mutable_error() = ToWire(status);
  }
  if (request.what_case() != ca::SignerRequest::kStatus || !status.ok()) {
    log.Info("asked", {{"what", NameOf(request.what_case())},
                       {"officer", officer},
                       {"actor", actor},
                       {"result", status.ok() ? "ok"
                                  : detail    ? detail->reason
                                              : "failed"}});
  }
  return reply;
}

absl::Status ServeSigner(const ca::Config& config) {
  BlockSignals();
  rpc::Logger log(rpc::LogOptions{});
  EGOV_ASSIGN_OR_RETURN(const auto authority, Ca::Open(config, base::Clock::Real()));
  const auto serve = [&](bool officer) {
    return [&, officer](const std::string& question, const std::string& actor) {
      ca::SignerRequest request;
      if (!request.ParseFromString(question)) request.Clear();
      return AnswerSigner(*authority, request, officer, actor, log).SerializeAsString();
    };
  };
  EGOV_RETURN_IF_ERROR(MakeFolder(config.home() + "/run", 0750));
  EGOV_ASSIGN_OR_RETURN(auto admin, SocketServer::Start(config.admin_socket(), 0600, serve(true)));
  EGOV_ASSIGN_OR_RETURN(auto enrolment,
                        SocketServer::Start(config.enrolment_socket(), 0660, serve(false)));
  EGOV_ASSIGN_OR_RETURN(
      auto status, SocketServer::Start(config.status_socket(), 0660,
                                       [&](const std::string& question, const std::string&) {
                                         ca::WatchStatusRequest request;
                                         if (!request.ParseFromString(question)) request.Clear();
                                         return authority->WatchStatus(request).SerializeAsString();
                                       }));
  std::mutex mutex;
  std::condition_variable stop_signal;
  bool stop = false;
  std::thread maintenance([&] {
    bool root_known = true;
    std::unique_lock<std::mutex> lock(mutex);
    for (int second = 1; !stop_signal.wait_for(lock, std::chrono::seconds(1), [&] { return stop; });
         ++second) {
      const absl::Status root = authority->FollowRootList();
      if (root.ok() != root_known) {
        root_known = root.ok();
        if (!root_known) log.Error("the root's list cannot be read", {{"error", root.message()}});
      }
      if (second % 60 != 0) continue;
      const absl::Status status = authority->Maintain();
      if (!status.ok()) log.Error("a list could not be signed", {{"error", status.message()}});
    }
  });
  log.Info("egov-ca serves", {{"enrolment_socket", config.enrolment_socket()},
                              {"admin_socket", config.admin_socket()},
                              {"status_socket", config.status_socket()}});
  WaitForSignal();
  log.Info("egov-ca stops");
  enrolment.reset();
  admin.reset();
  status.reset();
  {
    std::lock_guard<std::mutex> lock(mutex);
    stop = true;
  }
  stop_signal.notify_all();
  maintenance.join();
  return absl::OkStatus();
}

}  // namespace egov::identity
