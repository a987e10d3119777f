// In a program of its own: gRPC's reflection, once loaded, is in every server of the process.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/server.h"
#include "libs/rpc/testing/client.h"
#include "libs/rpc/testing/echo.h"
#include "libs/rpc/testing/tls_world.h"

namespace egov::rpc {
namespace {

// ServerReflectionRequest{list_services: "*"}, field 7.
const char kListServices[] = "\x3a\x01*";

TEST(ReflectionTest, ListsTheServicesWhenSwitchedOn) {
  testing::TlsWorld world;
  world.AddAuthority("CA");
  ServerOptions options;
  options.tls.files = world.Write("server", "ee/GOV/70000562/population");
  options.reflection = true;
  Logger logger{LogOptions()};
  Metrics metrics;
  auto server = Server::Create(options, &logger, &metrics);
  ASSERT_THAT(server, base::IsOk());
  (*server)->Add(testing::NewEchoService(), testing::kEchoService);
  ASSERT_THAT((*server)->Start(), base::IsOk());
  ChannelOptions client;
  client.target = absl::StrCat("127.0.0.1:", (*server)->port());
  client.audience = "spiffe://ee/GOV/70000562/population";
  client.tls.files = options.tls.files;
  const auto channels = Channels::Create(client);
  ASSERT_THAT(channels, base::IsOk());
  const auto answer = testing::Call(
      (*channels)->Next(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      kListServices);
  ASSERT_THAT(answer, base::IsOk());
  EXPECT_THAT(*answer, ::testing::HasSubstr(testing::kEchoService));
  EXPECT_THAT(*answer, ::testing::HasSubstr("grpc.health.v1.Health"));
}

}  // namespace
}  // namespace egov::rpc
