// Runs the real binaries in tests: started, watched through their JSON log, stopped.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_TESTING_SUBPROCESS_H_
#define EGOV_SERVICES_IDENTITY_COMMON_TESTING_SUBPROCESS_H_

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace egov::identity {

// A fresh folder for one test.
inline std::string TemporaryFolder() {
  std::string path = ::testing::TempDir() + "/egovXXXXXX";
  return mkdtemp(&path[0]);
}

class Subprocess {
 public:
  // Starts `argv[0]` (a path below the workspace) with its output in `log`.
  Subprocess(std::vector<std::string> argv, std::string log) : log_(std::move(log)) {
    std::vector<char*> pointers;
    for (std::string& word : argv) pointers.push_back(&word[0]);
    pointers.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      const int file = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(file, 1);
      dup2(file, 2);
      execv(pointers[0], pointers.data());
      _exit(127);
    }
  }
  Subprocess(const Subprocess&) = delete;
  ~Subprocess() { Stop(); }

  // Ends it as an operator would; its exit code, -1 when a signal ended it.
  int Stop(int signal_number = SIGTERM) {
    if (pid_ <= 0) return code_;
    kill(pid_, signal_number);
    return Wait();
  }
  void Signal(int signal_number) { kill(pid_, signal_number); }
  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return code_;
  }

  std::string Log() const {
    std::ostringstream out;
    out << std::ifstream(log_).rdbuf();
    return out.str();
  }

  // The number after `"key":` in the log, waited for up to ten seconds; 0 when it does not come.
  int NumberInLog(const std::string& key) const {
    const std::string marker = absl::StrCat("\"", key, "\":");
    for (int i = 0; i < 500; ++i) {
      const std::string log = Log();
      const size_t at = log.rfind(marker);
      if (at != std::string::npos) {
        const std::string rest = log.substr(at + marker.size());
        int number = 0;
        (void)absl::SimpleAtoi(rest.substr(0, rest.find_first_not_of("0123456789 ")), &number);
        if (number > 0) return number;
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    ADD_FAILURE() << "no " << key << " in the log:\n" << Log();
    return 0;
  }

 private:
  std::string log_;
  pid_t pid_ = 0;
  int code_ = 0;
};

// Runs a shell command to its end; its exit code.
inline int Shell(const std::string& command) {
  const int status = system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_TESTING_SUBPROCESS_H_
