#include "tests/load/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/http/http.h"

namespace egov::load {
namespace {

// A line of /proc/<pid>/status, such as VmRSS, in bytes.
uint64_t StatusLine(pid_t pid, const std::string& name) {
  std::ifstream in(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(in, line)) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    uint64_t kib = 0;
    if (words.size() >= 2 && words[0] == name && absl::SimpleAtoi(words[1], &kib)) return kib << 10;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const std::vector<std::string>& arguments,
                                                        const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int out = open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) return absl::UnavailableError(absl::StrCat("cannot write ", log));
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(out, 1);
    dup2(out, 2);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(out);
  if (pid < 0) return absl::UnavailableError("cannot fork");
  return std::unique_ptr<Process>(new Process(pid));
}

Process::~Process() {
  if (!Runs()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, &status_, 0);
}

bool Process::Runs() {
  if (!over_) over_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  return !over_;
}

absl::Status Process::Stop() {
  if (Runs()) {
    kill(pid_, SIGTERM);
    waitpid(pid_, &status_, 0);
    over_ = true;
  }
  if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("a process ended with status ", status_));
}

absl::Duration Process::Cpu() const {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0)
    return absl::ZeroDuration();
  return absl::DurationFromTimespec(time);
}

uint64_t Process::ResidentBytes() const { return StatusLine(pid_, "VmRSS"); }
uint64_t Process::PeakBytes() const { return StatusLine(pid_, "VmHWM"); }

absl::Duration OwnCpu() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) address.sin_port = 0;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

absl::Status WaitReady(Process& process, int ops_port, absl::Duration timeout) {
  const absl::Time until = absl::Now() + timeout;
  const std::string url = absl::StrCat("http://127.0.0.1:", ops_port, "/readyz");
  while (absl::Now() < until) {
    const auto answer = http::Get(url);
    if (answer.ok() && answer->status == 200) {
      // The register listens for SIGTERM a moment after it is ready.
      absl::SleepFor(absl::Milliseconds(50));
      return absl::OkStatus();
    }
    if (!process.Runs()) return absl::UnavailableError("the process ended before it was ready");
    absl::SleepFor(absl::Milliseconds(2));
  }
  return absl::DeadlineExceededError("the process did not become ready");
}

}  // namespace egov::load
