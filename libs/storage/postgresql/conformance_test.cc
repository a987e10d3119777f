// Starts a PostgreSQL 15 of its own and runs the conformance suite on it.
#include "libs/storage/testing/conformance.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/storage/postgresql/postgresql_store.h"

namespace egov::storage {
namespace {

using base::Fails;
using base::IsOk;

constexpr char kPrograms[] = "/usr/lib/postgresql/15/bin/";

// A server on a Unix socket in a directory of its own, gone with the test.
class Server final : public testing::Environment {
 public:
  void SetUp() override {
    char name[] = "/tmp/egov-pg.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    if (geteuid() == 0) {  // initdb refuses root
      const passwd* user = getpwnam("postgres");
      ASSERT_NE(user, nullptr) << "the user that Debian's PostgreSQL package makes is missing";
      ASSERT_EQ(chown(name, user->pw_uid, user->pw_gid), 0);
      as_user_ = "setpriv --reuid=postgres --regid=postgres --clear-groups ";
    }
    ASSERT_EQ(Shell("initdb", "-U postgres -A trust --no-sync"), 0);
    ASSERT_EQ(Shell("pg_ctl", absl::StrCat("-w -l ", directory_,
                                           "/log -o \"-c listen_addresses='' -c max_connections=200"
                                           " -c unix_socket_directories=",
                                           directory_, "\" start")),
              0);
    started_ = true;
  }
  void TearDown() override {
    if (started_) Shell("pg_ctl", "-m immediate stop");
    if (!directory_.empty()) {
      EXPECT_EQ(std::system(("rm -rf " + directory_).c_str()), 0);
    }
  }
  static std::string connection() { return absl::StrCat("host=", directory_, " user=postgres"); }

 private:
  int Shell(const std::string& program, const std::string& arguments) {
    return std::system(absl::StrCat("cd /tmp && ", as_user_, kPrograms, program, " -D ", directory_,
                                    "/data ", arguments, " >/dev/null 2>&1 </dev/null")
                           .c_str());
  }
  static std::string directory_;
  std::string as_user_;
  bool started_ = false;
};
std::string Server::directory_;

testing::Environment* const kServer = testing::AddGlobalTestEnvironment(new Server);

std::string NewSchema() {
  static int number = 0;
  return absl::StrCat("store_", ++number);
}

class PostgreSqlHome final : public StoreHome {
 public:
  absl::StatusOr<std::unique_ptr<Store>> Open() override {
    PostgreSqlOptions options;
    options.connection = Server::connection();
    options.schema = schema_;
    return OpenPostgreSql(options);
  }

 private:
  const std::string schema_ = NewSchema();
};

std::unique_ptr<StoreHome> MakeHome() { return std::make_unique<PostgreSqlHome>(); }

INSTANTIATE_TEST_SUITE_P(PostgreSql, StoreConformanceTest, testing::Values(&MakeHome));

TEST(PostgreSqlStoreTest, AStoreThatIsOpenIsNotOpenedTwice) {
  PostgreSqlHome home;
  auto store = home.Open();
  ASSERT_THAT(store, IsOk());
  EXPECT_THAT(home.Open(), Fails(absl::StatusCode::kFailedPrecondition, "STORE_IN_USE"));
}

TEST(PostgreSqlStoreTest, AnOwnerWhoseTermHasEndedWritesNothing) {
  PostgreSqlOptions options;
  options.connection = Server::connection();
  options.schema = NewSchema();
  auto old_owner = OpenPostgreSql(options);
  ASSERT_THAT(old_owner, IsOk());
  // Another owner, as after a network partition: the database has dropped the old one's lock.
  ASSERT_EQ(
      std::system(absl::StrCat("psql -q -h ",
                               Server::connection().substr(5, Server::connection().find(' ') - 5),
                               " -U postgres -c 'UPDATE ", options.schema,
                               ".head SET term = term + 1' >/dev/null")
                      .c_str()),
      0);
  auto transaction = (*old_owner)->Begin();
  transaction->Put("aa", "zombie");
  EXPECT_THAT((*old_owner)->CommitAndWait(std::move(transaction)),
              Fails(absl::StatusCode::kUnavailable, "STORE_FENCED"));
  EXPECT_EQ((*old_owner)->state(), StoreState::kFailed);
  old_owner->reset();
  auto new_owner = OpenPostgreSql(options);
  ASSERT_THAT(new_owner, IsOk());
  std::string value;
  EXPECT_FALSE(*(*(*new_owner)->Snapshot())->Get("aa", &value));
}

}  // namespace
}  // namespace egov::storage
