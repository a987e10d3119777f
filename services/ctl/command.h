// The tree of commands of egovctl: what each is called, takes and does, and the help that teaches
// it.
//
//   Command root{"egovctl", "Works with the registers of a digital government."};
//   root.children.push_back(EvidenceCommands());
//   return RunCommandLine(root, "1.0", {argv + 1, argv + argc}, &io);
//
// Options are `--name value` or `--name=value`, flags `--name`; they may stand anywhere behind
// their command. `--help` is understood at every level, `--json` by every command.
//
// Thread safety: one thread.
#ifndef EGOV_SERVICES_CTL_COMMAND_H_
#define EGOV_SERVICES_CTL_COMMAND_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ctl/output.h"

namespace egov::ctl {

// What a script can tell from the exit code.
enum ExitCode {
  kExitOk = 0,
  kExitRefused = 1,      // refused by the service, or failed here
  kExitUsage = 2,        // the command line is wrong
  kExitUnreachable = 3,  // no answer: the same again may succeed
  kExitNotProven = 4,    // an answer or a file does not prove itself
};

// The exit code of a command that ended with `status`. Errors whose reason is USAGE and NOT_PROVEN
// have their own.
ExitCode ExitCodeOf(const absl::Status& status);

// Errors that ExitCodeOf knows.
absl::Status UsageError(absl::string_view text);
absl::Status NotProven(const absl::Status& why);

struct Option {
  std::string name;   // without dashes
  std::string value;  // what stands for the value in help: "FILE"; empty: a flag
  std::string help;
  bool required = false;
  std::string fallback;  // when it is not given
  bool repeated = false;
};

// An argument without a name.
struct Positional {
  std::string name;  // "FILE"
  std::string help;
  bool required = true;
  bool repeated = false;  // the last one only: takes all that follow
};

// What was given on the command line, checked against the command's options.
class Arguments {
 public:
  bool Has(absl::string_view option) const;
  // The value given last, or the fallback; empty when there is neither.
  std::string Get(absl::string_view option) const;
  std::vector<std::string> All(absl::string_view option) const;
  // The value as a number. USAGE when it is none or outside.
  absl::StatusOr<int64_t> Number(absl::string_view option, int64_t least, int64_t most) const;
  const std::vector<std::string>& positional() const { return positional_; }

 private:
  friend class CommandLine;
  std::map<std::string, std::vector<std::string>> values_;
  std::map<std::string, std::string> fallbacks_;
  std::vector<std::string> positional_;
};

struct Command {
  std::string name;
  std::string summary;      // one line, a sentence without full stop
  std::string description;  // paragraphs, for its own help
  std::vector<Positional> positionals;
  std::vector<Option> options;
  std::vector<std::string> examples;
  std::function<absl::Status(const Arguments&, Output&)> run;  // null: a family, which has children
  std::vector<Command> children;
};

// Finds the command, reads its options, runs it, and prints an error for people (or, with --json,
// machines) on stderr. Returns the exit code. An error never repeats a value from the command line:
// it may be a personal code.
int RunCommandLine(const Command& root, absl::string_view version,
                   const std::vector<std::string>& words, Output* output);

// The help of a command, `path` being its full name: "egovctl population get".
std::string HelpOf(const Command& command, absl::string_view path);

// The candidate that `word` was most likely meant to be; empty when none is near (at most two edits
// for short words, a third of the letters for long ones).
std::string Nearest(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_COMMAND_H_
