// A running register of library cards with an officer, a lender (who writes) and a shop (who
// reads), for tests.
#ifndef EGOV_LIBS_EXCHANGE_TESTING_FIXTURE_H_
#define EGOV_LIBS_EXCHANGE_TESTING_FIXTURE_H_

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "egov/access/v1/access_service.pb.h"
#include "egov/disclosure/v1/usage_service.pb.h"
#include "gtest/gtest.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/exchange/client.h"
#include "libs/exchange/register.h"
#include "libs/exchange/testing/lending.h"
#include "libs/exchange/testing/world.h"

namespace egov::exchange::testing {

constexpr char kOfficers[] = "ee/GOV/70000562/officers";
constexpr char kLender[] = "ee/GOV/70000562/lender";
constexpr char kShop[] = "ee/COM/10000024/shop";
constexpr char kPortal[] = "ee/GOV/70000562/portal";

constexpr char kGetCard[] = "/egov.testing.lending.v1.LendingService/GetCard";
constexpr char kIssueCard[] = "/egov.testing.lending.v1.LendingService/IssueCard";
constexpr char kFindBlocked[] = "/egov.testing.lending.v1.LendingService/FindBlocked";
constexpr char kLoadCards[] = "/egov.testing.lending.v1.LendingService/LoadCards";
constexpr char kWatchCards[] = "/egov.testing.lending.v1.LendingService/WatchCards";
constexpr char kFindUsage[] = "/egov.disclosure.v1.UsageService/FindUsage";
constexpr char kGrantRight[] = "/egov.access.v1.AccessService/GrantRight";
constexpr char kRevokeRight[] = "/egov.access.v1.AccessService/RevokeRight";

class LendingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = world_.Config("lending");
    StartRegister();
    officer_ = Member(kOfficers);
    lender_ = Member(kLender);
    shop_ = Member(kShop);
  }

  void TearDown() override {
    officer_.reset();
    lender_.reset();
    shop_.reset();
    StopRegister();
  }

  void StartRegister() {
    EGOV_ASSERT_OK_AND_ASSIGN(register_, Register::Open(config_, {}));
    lending_ = std::make_unique<Lending>();
    ASSERT_THAT(register_->Add(lending_->MakeService()), base::IsOk());
    register_->set_subjects(lending_.get());
    ASSERT_THAT(register_->Start(), base::IsOk());
    config_.set_listen(absl::StrCat("127.0.0.1:", register_->port()));
  }

  void StopRegister() { register_.reset(); }

  std::unique_ptr<Client> Member(const std::string& xroad, const std::string& memory = "") {
    ClientOptions options = world_.Member(xroad, config_, register_->port());
    options.memory = memory;
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Open(options);
    EXPECT_THAT(client, base::IsOk());
    return client.ok() ? *std::move(client) : nullptr;
  }

  static Purpose For(const std::string& purpose, std::vector<std::string> items = {}) {
    Purpose out;
    out.purpose = purpose;
    out.legal_basis.set_act("Public Libraries Act");
    out.legal_basis.set_provision("§ 15 (1)");
    out.legal_basis.set_version("2026-01-01");
    out.case_reference = "case 1";
    out.items = std::move(items);
    return out;
  }

  static egov::access::v1::Right MakeRight(const std::string& xroad, const std::string& method,
                                           const std::string& purpose,
                                           std::vector<std::string> items) {
    egov::access::v1::Right right;
    right.set_subsystem("spiffe://" + xroad);
    right.set_service(kLending);
    right.set_method(method);
    right.set_purpose(purpose);
    for (std::string& item : items) right.add_items(std::move(item));
    right.mutable_valid_from()->set_year(2020);
    right.mutable_valid_from()->set_month(1);
    right.mutable_valid_from()->set_day(1);
    return right;
  }

  // Grants and returns the right's id.
  std::string Grant(const egov::access::v1::Right& right) {
    egov::access::v1::GrantRightRequest request;
    request.set_request_id(base::NewUuid());
    *request.mutable_right() = right;
    const auto answer = officer_->Call<egov::access::v1::GrantRightResponse>(
        kGrantRight, For("administration"), request);
    EXPECT_THAT(answer, base::IsOk());
    return answer.ok() ? answer->message.right().id() : "";
  }
  std::string Grant(const std::string& xroad, const std::string& method, const std::string& purpose,
                    std::vector<std::string> items = {}) {
    return Grant(MakeRight(xroad, method, purpose, std::move(items)));
  }
  void Revoke(const std::string& right_id) {
    egov::access::v1::RevokeRightRequest request;
    request.set_request_id(base::NewUuid());
    request.set_id(right_id);
    EXPECT_THAT(officer_->Call<egov::access::v1::RevokeRightResponse>(
                    kRevokeRight, For("administration"), request),
                base::IsOk());
  }
  // What most tests need: the lender issues, the shop reads holder and blocked.
  void GrantUsual() {
    Grant(kLender, "IssueCard", "lending");
    Grant(kLender, "LoadCards", "lending");
    Grant(kShop, "GetCard", "sale", {"lending.card.holder", "lending.card.blocked"});
    Grant(kShop, "FindBlocked", "sale", {"lending.card.blocked", "lending.card.holder"});
  }

  static egov::testing::lending::v1::Card MakeCard(uint64_t number, bool blocked = false) {
    egov::testing::lending::v1::Card card;
    card.mutable_number()->set_scheme(kScheme);
    card.mutable_number()->set_value(absl::StrCat(number));
    card.set_holder(absl::StrCat("Holder ", number));
    card.set_address("Tartu");
    card.set_blocked(blocked);
    return card;
  }

  absl::StatusOr<Answer<egov::testing::lending::v1::IssueCardResponse>> Issue(
      uint64_t number, bool blocked = false, const std::string& request_id = base::NewUuid()) {
    egov::testing::lending::v1::IssueCardRequest request;
    request.set_request_id(request_id);
    *request.mutable_card() = MakeCard(number, blocked);
    return lender_->Call<egov::testing::lending::v1::IssueCardResponse>(kIssueCard, For("lending"),
                                                                        request);
  }

  static egov::testing::lending::v1::GetCardRequest Ask(uint64_t number) {
    egov::testing::lending::v1::GetCardRequest request;
    request.mutable_number()->set_scheme(kScheme);
    request.mutable_number()->set_value(absl::StrCat(number));
    return request;
  }
  absl::StatusOr<Answer<egov::testing::lending::v1::GetCardResponse>> Get(
      uint64_t number, const Purpose& purpose, Exchange* refused = nullptr) {
    return shop_->Call<egov::testing::lending::v1::GetCardResponse>(kGetCard, purpose, Ask(number),
                                                                    absl::Seconds(20), refused);
  }

  // Who looked at a card, as the portal sees it.
  std::vector<egov::disclosure::v1::Usage> Usages(uint64_t number,
                                                  const std::string& purpose = "own-data") {
    if (portal_ == nullptr) {
      auto right = MakeRight(kPortal, "FindUsage", purpose, {"disclosure.usage"});
      right.set_service("egov.disclosure.v1.UsageService");
      Grant(right);
      portal_ = Member(kPortal);
    }
    egov::disclosure::v1::FindUsageRequest request;
    request.mutable_person()->set_scheme(kScheme);
    request.mutable_person()->set_value(absl::StrCat(number));
    const auto answer = portal_->Call<egov::disclosure::v1::FindUsageResponse>(
        kFindUsage, For(purpose, {"disclosure.usage"}), request);
    EXPECT_THAT(answer, base::IsOk());
    if (!answer.ok()) return {};
    return {answer->message.usages().begin(), answer->message.usages().end()};
  }

  // The value of a metric, by its name and labels as they are rendered; -1 when there is none.
  double Metric(const std::string& name) const {
    const std::string all = absl::StrCat("\n", register_->metrics().Render());
    const std::string line = absl::StrCat("\n", name, " ");
    const size_t at = all.find(line);
    if (at == std::string::npos) return -1;
    return std::strtod(all.c_str() + at + line.size(), nullptr);
  }

  World world_;
  RegisterConfig config_;
  std::unique_ptr<Lending> lending_;
  std::unique_ptr<Register> register_;
  std::unique_ptr<Client> officer_, lender_, shop_, portal_;
};

}  // namespace egov::exchange::testing

#endif  // EGOV_LIBS_EXCHANGE_TESTING_FIXTURE_H_
