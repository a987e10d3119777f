#include "libs/exchange/standard_services.h"

#include <utility>

#include "egov/access/v1/access_service.pb.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/status.h"
#include "libs/proof/wire.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;
using namespace egov::access::v1;      // NOLINT: this file is about these messages
using namespace egov::disclosure::v1;  // NOLINT
using storage::Transaction;

constexpr int kUsagePage = 100;
constexpr int kLargestUsagePage = 1000;

absl::StatusOr<FindUsageResponse> FindUsage(disclosure::Usage* usage, const evidence::Log* log,
                                            Transaction& transaction, const Call& call,
                                            const FindUsageRequest& request) {
  if (call.keys.empty() || call.keys[0] == 0) {
    return Error(StatusCode::kNotFound, "UNKNOWN_PERSON",
                 "the register has nobody of this identifier")
        .Field("person");
  }
  if (request.page_size() < 0) {
    return Error(StatusCode::kInvalidArgument, "BAD_PAGE_SIZE", "a page has no negative size")
        .Field("page_size")
        .Expected("0 for 100, at most 1000");
  }
  const int size =
      request.page_size() == 0 ? kUsagePage : std::min(request.page_size(), kLargestUsagePage);
  EGOV_ASSIGN_OR_RETURN(disclosure::LookPage page,
                        usage->Find(transaction, call.keys[0], size, request.page_token()));
  FindUsageResponse response;
  *response.mutable_person() = request.person();
  for (disclosure::Look& look : page.looks) {
    EGOV_ASSIGN_OR_RETURN(const std::unique_ptr<evidence::LogEntry> entry,
                          log->Find(look.message_id));
    EGOV_ASSIGN_OR_RETURN(proof::OpenedHeader opened, proof::OpenHeader(entry->sealed_header));
    egov::exchange::v1::Header& header = opened.header;
    Usage* const told = response.add_usages();
    told->set_time_micros(look.received_micros);
    told->set_caller(std::move(*header.mutable_caller()));
    told->set_method(std::move(*header.mutable_method()));
    told->mutable_items()->Swap(header.mutable_items());
    told->set_purpose(std::move(*header.mutable_purpose()));
    if (header.has_legal_basis())
      *told->mutable_legal_basis() = std::move(*header.mutable_legal_basis());
    told->set_case_reference(std::move(*header.mutable_case_reference()));
    told->set_mass_query(look.mass_query);
    told->set_message_id(std::move(look.message_id));
  }
  response.set_next_page_token(std::move(page.next_page_token));
  return response;
}

}  // namespace

Service MakeAccessService(access::Access* access) {
  Service service(kAccessService);
  service.Write<GrantRightRequest, GrantRightResponse>(
      "GrantRight",
      [access](Transaction& transaction, const Call& call,
               const GrantRightRequest& request) -> absl::StatusOr<GrantRightResponse> {
        GrantRightResponse response;
        absl::StatusOr<Right> right =
            access->GrantRight(transaction, request.right(), call.ids->NewUuid());
        if (!right.ok()) return base::InField("right", right.status());
        *response.mutable_right() = *std::move(right);
        return response;
      });
  service.Write<RevokeRightRequest, RevokeRightResponse>(
      "RevokeRight",
      [access](Transaction& transaction, const Call&,
               const RevokeRightRequest& request) -> absl::StatusOr<RevokeRightResponse> {
        EGOV_RETURN_IF_ERROR(access->RevokeRight(transaction, request.id()));
        return RevokeRightResponse();
      });
  service.Read<ListRightsRequest, ListRightsResponse>(
      "ListRights",
      [access](Transaction& transaction, const Call&, const ListRightsRequest& request) {
        return access->ListRights(transaction, request.subsystem());
      });
  service.Write<AppointOfficerRequest, AppointOfficerResponse>(
      "AppointOfficer",
      [access](Transaction& transaction, const Call&,
               const AppointOfficerRequest& request) -> absl::StatusOr<AppointOfficerResponse> {
        EGOV_RETURN_IF_ERROR(access->AppointOfficer(transaction, request.officer()));
        return AppointOfficerResponse();
      });
  service.Write<DismissOfficerRequest, DismissOfficerResponse>(
      "DismissOfficer",
      [access](Transaction& transaction, const Call&,
               const DismissOfficerRequest& request) -> absl::StatusOr<DismissOfficerResponse> {
        EGOV_RETURN_IF_ERROR(access->DismissOfficer(transaction, request.officer()));
        return DismissOfficerResponse();
      });
  return service;
}

Service MakeUsageService(disclosure::Usage* usage, const evidence::Log* log) {
  Service service(kUsageServiceName);
  service.Read<FindUsageRequest, FindUsageResponse>(
      "FindUsage",
      [usage, log](Transaction& transaction, const Call& call, const FindUsageRequest& request) {
        return FindUsage(usage, log, transaction, call, request);
      });
  return service;
}

}  // namespace egov::exchange
