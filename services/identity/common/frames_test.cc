#include "services/identity/common/frames.h"

#include <sys/stat.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "services/identity/common/files.h"
#include "services/identity/common/testing/subprocess.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;

std::string Echo(const std::string& question, const std::string& actor) {
  return absl::StrCat(actor, " ", question);
}

TEST(FramesTest, AQuestionIsAnsweredWithItsAskersNumber) {
  const std::string path = TemporaryFolder() + "/s";
  auto server = SocketServer::Start(path, 0600, Echo);
  ASSERT_THAT(server, IsOk());
  EXPECT_EQ(*AskSocket(path, "hello"), absl::StrCat("uid ", getuid(), " hello"));
  const std::string large(200000, 'x');
  EXPECT_EQ(*AskSocket(path, large), absl::StrCat("uid ", getuid(), " ", large));
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(FramesTest, APathMayBeLongerThanASocketsAddress) {
  const std::string folder = absl::StrCat(TemporaryFolder(), "/", std::string(150, 'd'));
  ASSERT_THAT(MakeFolder(folder), IsOk());
  auto server = SocketServer::Start(folder + "/s", 0600, Echo);
  ASSERT_THAT(server, IsOk());
  EXPECT_THAT(AskSocket(folder + "/s", "hello"), IsOk());
  EXPECT_THAT(AskSocket(folder + "/absent/s", "hello"),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_PATH"));
}

TEST(FramesTest, ASocketIsTakenOverFromTheDeadOnly) {
  const std::string path = TemporaryFolder() + "/s";
  {
    auto first = SocketServer::Start(path, 0600, Echo);
    ASSERT_THAT(first, IsOk());
    EXPECT_THAT(SocketServer::Start(path, 0600, Echo),
                Fails(absl::StatusCode::kFailedPrecondition, "SOCKET_IN_USE"));
  }
  EXPECT_THAT(AskSocket(path, "x"), Fails(absl::StatusCode::kUnavailable, "UNREACHABLE"));
  ASSERT_THAT(WriteFile(path, "left over"), IsOk());
  EXPECT_THAT(SocketServer::Start(path, 0600, Echo), IsOk());
}

TEST(FramesTest, ManyAskAtOnceAndAFrameThatIsTooLongGetsNoAnswer) {
  const std::string path = TemporaryFolder() + "/s";
  auto server = SocketServer::Start(path, 0600, Echo);
  ASSERT_THAT(server, IsOk());
  EXPECT_FALSE(AskSocket(path, std::string(300000, 'x')).ok());
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 40; ++t) {
    threads.emplace_back([&] { answered += AskSocket(path, "x").ok(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 40);
}

}  // namespace
}  // namespace egov::identity
