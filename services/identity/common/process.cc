#include "services/identity/common/process.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::identity {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

std::string CommandLine::Get(const std::string& name, const std::string& otherwise) const {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : found->second.back();
}

absl::StatusOr<CommandLine> ParseCommandLine(int argc, char** argv,
                                             const std::vector<std::string>& switches,
                                             const std::vector<std::string>& options) {
  const auto bad = [](const std::string& why) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND_LINE", why).status();
  };
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (!absl::StartsWith(word, "--")) {
      line.words.push_back(word);
      continue;
    }
    word = word.substr(2);
    if (Contains(switches, word)) {
      line.options[word].push_back("");
      continue;
    }
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (!Contains(options, name)) return bad(absl::StrCat("unknown option --", name));
    if (equals != std::string::npos) {
      line.options[name].push_back(word.substr(equals + 1));
    } else if (++i < argc) {
      line.options[name].push_back(argv[i]);
    } else {
      return bad(absl::StrCat("--", name, " needs a value"));
    }
  }
  return line;
}

int ExitWith(const absl::Status& status) {
  if (status.ok()) return 0;
  const auto detail = base::DetailOf(status);
  std::cerr << "error: " << status.message();
  if (detail && !detail->expected.empty()) std::cerr << " (expected: " << detail->expected << ")";
  if (detail) std::cerr << " [" << detail->reason << "]";
  std::cerr << "\n";
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}

void BlockSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int WaitForSignal() {
  const sigset_t signals = StopSignals();
  int number = 0;
  sigwait(&signals, &number);
  return number;
}

}  // namespace egov::identity
