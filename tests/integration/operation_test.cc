// The bad days of operation: certificates change, the process is told to go, the time-stamping
// authority is away. Callers that follow the kit see none of it.
#include <atomic>
#include <fstream>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "egov/population/v1/population_service.pb.h"
#include "gtest/gtest.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/http/http.h"
#include "libs/pki/testing/authority.h"
#include "libs/proof/verify.h"
#include "services/population/client/population_client.h"
#include "services/population/testing/builders.h"
#include "tests/house/population_house.h"

namespace egov::tests {
namespace {

using base::IsOk;
using population::testing::Citizen;
using population::testing::CodeNumber;
using population::testing::Isikukood;
namespace v1 = ::egov::population::v1;

class OperationTest : public ::testing::Test {
 protected:
  void Begin() {
    ASSERT_THAT(house_.Start(), IsOk());
    ASSERT_THAT(house_.GrantUsual(), IsOk());
    registrars_ = house_.Member(kRegistrars);
    board_ = house_.Member(kBoard);
    ASSERT_THAT(Birth(1), IsOk());
  }

  absl::Status Birth(uint64_t n) {
    v1::RecordBirthRequest request;
    request.set_request_id(base::NewUuid());
    *request.mutable_person() = Citizen(n);
    return registrars_
        ->Call<v1::RecordBirthResponse>(Method("RecordBirth"), For("registration"), request)
        .status();
  }

  static absl::StatusOr<exchange::Answer<v1::GetPersonResponse>> Get(exchange::Client& client) {
    v1::GetPersonRequest request;
    *request.mutable_identifier() = Isikukood(CodeNumber(1));
    return client.Call<v1::GetPersonResponse>(
        Method("GetPerson"), For("pension-payment", {"population.person.name"}), request);
  }

  // Calls without pause, from clients that stay and from one that comes anew each time, while
  // `happening` runs; every call must succeed.
  void Under(const std::function<void()>& happening) {
    std::atomic<bool> over{false};
    std::atomic<int> calls{0}, failed{0};
    std::atomic<uint64_t> next{next_};
    const auto note = [&](const absl::Status& status) {
      ++calls;
      if (status.ok()) return;
      ++failed;
      ADD_FAILURE() << status;
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        while (!over) note(Get(*board_).status());
      });
    }
    threads.emplace_back([&] {
      while (!over) note(Birth(next++));
    });
    threads.emplace_back([&] {
      while (!over) {
        note(Get(*house_.Member(kBoard)).status());
        absl::SleepFor(absl::Milliseconds(100));
      }
    });
    happening();
    over = true;
    for (std::thread& thread : threads) thread.join();
    next_ = next;
    EXPECT_GT(calls, 20);
    std::cout << calls << " calls, " << failed << " failed\n";
  }

  // The SHA-256 of the certificate that the service shows.
  std::string Shown() {
    const exchange::ClientOptions me = house_.world().Member(kBoard, house_.config(), 0);
    const std::string out = house_.world().directory() + "/shown";
    const std::string command =
        absl::StrCat("openssl s_client -connect ", house_.config().listen(), " -cert ",
                     me.tls.files.certificate, " -key ", me.tls.files.key,
                     " -alpn h2 </dev/null 2>/dev/null | openssl x509 -noout "
                     "-fingerprint -sha256 >",
                     out, " 2>/dev/null");
    if (system(command.c_str()) != 0) return "";
    std::ifstream in(out);
    std::string line;
    std::getline(in, line);
    return line;
  }

  PopulationHouse house_;
  std::unique_ptr<exchange::Client> registrars_, board_;
  uint64_t next_ = 100;
};

TEST_F(OperationTest, ANewCertificateAndKeyAreTakenUpUnderLoadWithoutAFailedCall) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  const std::string before = Shown();
  ASSERT_FALSE(before.empty());
  Under([&] {
    house_.world().ReplaceTransport(
        "ee/GOV/70000562/population",
        pki::testing::MakeMember(house_.world().transport_authority(), pki::Purpose::kTransport,
                                 "ee/GOV/70000562/population", absl::Now()));
    const absl::Time end = absl::Now() + absl::Seconds(30);
    std::string now = before;
    while (absl::Now() < end && (now.empty() || now == before)) {
      absl::SleepFor(absl::Milliseconds(300));
      now = Shown();
    }
    EXPECT_NE(now, before) << "the new certificate was never shown";
    absl::SleepFor(absl::Seconds(1));
  });
}

TEST_F(OperationTest, AProcessThatIsToldToGoAndItsSuccessorFailNoCall) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Under([&] {
    absl::SleepFor(absl::Seconds(1));
    const absl::Time told = absl::Now();
    house_.Terminate();
    EXPECT_EQ(house_.Wait(), 0);
    std::cout << "gone after " << absl::Now() - told << "\n";
    const auto start = house_.Start();
    EXPECT_THAT(start, IsOk());
    if (start.ok()) std::cout << "back after " << *start << "\n";
    absl::SleepFor(absl::Seconds(1));
  });
}

TEST_F(OperationTest, WithoutTimeStampsExchangeGoesOnAndAllDrainsWhenTheyAreBack) {
  // Between the register and the real authority, so that it can be away, slow or mad.
  enum Mood { kGood, kAbsent, kSlow, kGarbage, kAnothersAnswer };
  std::atomic<int> mood{kAbsent};
  std::atomic<int> asked{0};
  std::string another;
  http::ServerOptions options;
  options.listen = "127.0.0.1:0";
  auto between = http::Server::Start(options, [&](const http::Request& request) {
    ++asked;
    http::Response response{200, "application/timestamp-reply", ""};
    const auto pass = [&] {
      const auto answer = http::Post(house_.world().time_stamping_url(),
                                     "application/timestamp-query", request.body);
      if (answer.ok()) response.body = answer->body;
    };
    switch (mood.load()) {
      case kAbsent:
        response.status = 503;
        break;
      case kSlow:
        absl::SleepFor(absl::Seconds(4));
        pass();
        break;
      case kGarbage:
        response.body = std::string(500, '\x30');
        break;
      case kAnothersAnswer:
        // To the first question that it ever saw: neither nonce nor imprint fits.
        if (another.empty()) {
          pass();
          another = std::move(response.body);
          response = {503, "", ""};
          break;
        }
        response.body = another;
        break;
      default:
        pass();
    }
    return response;
  });
  ASSERT_THAT(between, IsOk());
  house_.config().mutable_time_stamping(0)->set_url(
      absl::StrCat("http://127.0.0.1:", (*between)->port(), "/"));
  house_.config().set_stamp_interval_seconds(1);
  ASSERT_NO_FATAL_FAILURE(Begin());
  const auto answer = Get(*board_);
  ASSERT_THAT(answer, IsOk());
  for (const Mood bad : {kAbsent, kGarbage, kAnothersAnswer, kSlow}) {
    mood = bad;
    const int before = asked;
    const absl::Time begun = absl::Now();
    while (asked == before && absl::Now() < begun + absl::Seconds(15)) {
      const absl::Time asking = absl::Now();
      ASSERT_THAT(Get(*board_), IsOk());
      EXPECT_LT(absl::Now() - asking, absl::Seconds(3)) << "a call waited for a time-stamp";
    }
    EXPECT_GT(asked, before) << "the authority is still asked";
    if (bad != kSlow) {
      EXPECT_FALSE(board_->Prove({&answer->exchange, 1}, true, absl::Seconds(2)).ok()) << bad;
    }
  }
  mood = kGood;
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  absl::StatusOr<egov::evidence::v1::EvidenceFile> file;
  do {
    file = board_->Prove({&answer->exchange, 1}, true, absl::Seconds(5));
  } while (!file.ok() && absl::Now() < limit);
  ASSERT_THAT(file, IsOk());
  std::ifstream in(house_.world().anchors());
  const std::string pem((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  proof::VerifyOptions partial;
  partial.partial = true;  // no stamp could be had before the call
  EXPECT_THAT(proof::Verify(proof::WriteFile(*file), *pki::Certificate::ChainFromPem(pem),
                            absl::Now(), partial),
              IsOk());
}

}  // namespace
}  // namespace egov::tests
