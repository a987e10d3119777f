// absl::Status <-> grpc::Status: the only place that knows both.
//
// On the wire an error is a canonical code, a text and a google.rpc.Status in
// grpc-status-details-bin (AIP-193) with exactly one ErrorInfo{reason, "<service>.egov", metadata};
// a field at fault is a BadRequest (a PreconditionFailure when the code is FAILED_PRECONDITION), a
// wait is a RetryInfo. The details never exceed kMaxErrorDetails.
//
// Nothing internal gets out: a status without base::ErrorDetail is a bug here and becomes INTERNAL
// / INTERNAL with a fixed text; INTERNAL and UNKNOWN keep their reason but not their text or
// metadata. Log the original before mapping.
//
// Thread safety: free functions. Cost: ~1 us for an error, nothing for OK.
#ifndef EGOV_LIBS_RPC_ERROR_MAP_H_
#define EGOV_LIBS_RPC_ERROR_MAP_H_

#include <grpcpp/support/status.h>

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace egov::rpc {

constexpr size_t kMaxErrorDetails =
    1024;  // bytes; gRPC Java refuses more than 8 KiB of metadata in all
constexpr char kInternalErrorText[] = "internal error";

// `service` is the short name of the answering service ("population"). Details that do not fit
// lose, in this order, metadata, the expectation, the end of the text.
grpc::Status ToGrpc(const absl::Status& status, absl::string_view service);

// The way back, on the client: the text and base::ErrorDetail as the server made them. An error
// without an ErrorInfo (made by gRPC itself or by something between) gets a reason by its code:
// UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, UNIMPLEMENTED, else TRANSPORT.
//
// CANCELLED without an ErrorInfo becomes UNAVAILABLE / SERVER_WENT_AWAY unless the caller says that
// it cancelled the call itself: it is what gRPC 1.51 answers to a call that reaches a server in the
// moment of its shutdown, before any handler saw it, and it is to be retried likewise.
absl::Status FromGrpc(const grpc::Status& status, bool cancelled_by_us = false);

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_ERROR_MAP_H_
