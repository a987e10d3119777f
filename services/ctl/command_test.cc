#include "services/ctl/command.h"

#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/status.h"

namespace egov::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    Command get{"get", "Gets one"};
    get.positionals = {{"CODE", "the code", false}};
    get.options = {{"scheme", "SCHEME", "the scheme", false, "ee-isikukood"},
                   {"out", "FILE", "where to", true},
                   {"all", "", "all"}};
    get.examples = {"egovctl thing get --out x"};
    get.run = [this](const Arguments& arguments, Output& output) {
      seen_ = arguments;
      Table table({"A name", "Value"});
      table.Add({"õun", arguments.Get("scheme")});
      output.Print(table);
      return result_;
    };
    Command family{"thing", "Does things"};
    family.children = {get,
                       {"generate", "Makes some", "", {}, {}, {}, [](const Arguments&, Output&) {
                          return absl::OkStatus();
                        }}};
    root_.children = {family};
  }

  int Run(const std::vector<std::string>& words) {
    out_.str("");
    err_.str("");
    Output output(&out_, &err_, false);
    return RunCommandLine(root_, "7", words, &output);
  }

  Command root_{"egovctl", "Works"};
  Arguments seen_;
  absl::Status result_;
  std::ostringstream out_, err_;
};

TEST_F(CommandTest, OptionsArgumentsAndFallbacksReachTheCommand) {
  EXPECT_EQ(Run({"thing", "get", "123", "--out=a=b", "--all"}), kExitOk);
  EXPECT_EQ(seen_.positional(), std::vector<std::string>{"123"});
  EXPECT_EQ(seen_.Get("out"), "a=b");
  EXPECT_EQ(seen_.Get("scheme"), "ee-isikukood");
  EXPECT_TRUE(seen_.Has("all"));
}

TEST_F(CommandTest, AnUnknownOptionNamesTheNearest) {
  EXPECT_EQ(Run({"thing", "get", "--shceme", "x", "--out", "y"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("did you mean --scheme?"));
}

TEST_F(CommandTest, AnUnknownCommandNamesTheNearest) {
  EXPECT_EQ(Run({"thing", "generat"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("`generate`"));
  EXPECT_EQ(Run({"nothing-like-it"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("it has thing"));
}

TEST_F(CommandTest, AWrongCommandLineIsNeverRepeatedBecauseItMayHoldACode) {
  EXPECT_EQ(Run({"thing", "get", "48505050123", "48505050124", "--out", "x"}), kExitUsage);
  EXPECT_THAT(err_.str(), Not(HasSubstr("4850505")));
  EXPECT_EQ(Run({"thing", "get", "--48505050123", "--out", "x"}), kExitUsage);
  EXPECT_THAT(err_.str(), Not(HasSubstr("4850505")));
}

TEST_F(CommandTest, ARequiredOptionIsAskedFor) {
  EXPECT_EQ(Run({"thing", "get"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--out is missing"));
}

TEST_F(CommandTest, HelpTeachesAtEveryLevel) {
  EXPECT_EQ(Run({"--help"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("Does things"));
  EXPECT_EQ(Run({"thing", "--help"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("Gets one"));
  EXPECT_EQ(Run({"thing", "get", "--help"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("egovctl thing get --out x"));
  EXPECT_THAT(out_.str(), HasSubstr("(default: ee-isikukood)"));
}

TEST_F(CommandTest, VersionIsOneLine) {
  EXPECT_EQ(Run({"--version"}), kExitOk);
  EXPECT_EQ(out_.str(), "egovctl 7\n");
}

TEST_F(CommandTest, TablesAlignByCharactersAndBecomeJson) {
  Run({"thing", "get", "--out", "x"});
  EXPECT_EQ(out_.str(), "A name  Value\nõun     ee-isikukood\n");
  Run({"thing", "get", "--out", "x", "--json"});
  EXPECT_EQ(out_.str(), "[\n  {\"a_name\": \"õun\", \"value\": \"ee-isikukood\"}\n]\n");
}

TEST_F(CommandTest, ExitCodesTellScriptsWhatHappened) {
  const std::vector<std::string> words = {"thing", "get", "--out", "x"};
  result_ = base::Error(absl::StatusCode::kPermissionDenied, "NO_RIGHT", "no").Field("items");
  EXPECT_EQ(Run(words), kExitRefused);
  EXPECT_THAT(err_.str(), HasSubstr("PERMISSION_DENIED NO_RIGHT, field items"));
  result_ = absl::UnavailableError("gone");
  EXPECT_EQ(Run(words), kExitUnreachable);
  result_ = NotProven(base::Error(absl::StatusCode::kUnauthenticated, "BAD_SIGNATURE", "wrong"));
  EXPECT_EQ(Run(words), kExitNotProven);
  EXPECT_THAT(err_.str(), HasSubstr("BAD_SIGNATURE"));
}

TEST_F(CommandTest, AnAnswerThatCannotBeWrittenIsNotASuccess) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"thing", "get", "--out", "x"},
                                             {"thing", "get", "--out", "x", "--json"},
                                             {"--version"},
                                             {"thing", "--help"}}) {
    std::ofstream full("/dev/full");
    err_.str("");
    Output output(&full, &err_, false);
    EXPECT_EQ(RunCommandLine(root_, "7", words, &output), kExitRefused);
    EXPECT_THAT(err_.str(), HasSubstr("could not be written"));
  }
}

TEST_F(CommandTest, WhatAServiceSaysDoesNotCommandTheTerminal) {
  result_ = base::Error(absl::StatusCode::kNotFound, "NO", "\x1b[31mred\x07");
  Run({"thing", "get", "--out", "x"});
  EXPECT_THAT(err_.str(), HasSubstr("egovctl: ?[31mred?"));
}

TEST_F(CommandTest, WordsThatAreNoTextAreRefusedHere) {
  EXPECT_EQ(Run({"thing", "get", "\xff\xfe", "--out", "x"}), kExitUsage);
  EXPECT_EQ(Run({"thing", "get", "õ", "--out", "x"}), kExitOk);
}

}  // namespace
}  // namespace egov::ctl
