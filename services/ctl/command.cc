#include "services/ctl/command.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "services/ctl/files.h"

namespace egov::ctl {
namespace {

constexpr size_t kLine = 100;

size_t Edits(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// Wraps at blanks; every line but the first begins with `indent` blanks, where the text already
// stands on the first.
std::string Wrap(absl::string_view text, size_t indent) {
  std::string out;
  size_t column = indent;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column > indent && column + 1 + word.size() > kLine) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    absl::StrAppend(&out, word);
    column += word.size();
  }
  return out;
}

void AppendColumn(absl::string_view left, absl::string_view right, size_t width, std::string* out) {
  absl::StrAppend(out, "  ", left, std::string(width - std::min(width, left.size()), ' '), "  ");
  if (left.size() > width) absl::StrAppend(out, "\n", std::string(width + 4, ' '));
  absl::StrAppend(out, Wrap(right, width + 4), "\n");
}

std::string OptionLeft(const Option& option) {
  return absl::StrCat("--", option.name, option.value.empty() ? "" : " ", option.value);
}

}  // namespace

absl::Status UsageError(absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, "USAGE", text);
}

absl::Status NotProven(const absl::Status& why) {
  const auto detail = base::DetailOf(why);
  return base::Error(
      absl::StatusCode::kDataLoss, "NOT_PROVEN",
      absl::StrCat(why.message(), detail ? absl::StrCat(" (", detail->reason, ")") : ""));
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  const auto detail = base::DetailOf(status);
  if (detail && detail->reason == "USAGE") return kExitUsage;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    case absl::StatusCode::kDataLoss:
      return kExitNotProven;
    default:
      return kExitRefused;
  }
}

bool Arguments::Has(absl::string_view option) const {
  return values_.count(std::string(option)) != 0;
}

std::string Arguments::Get(absl::string_view option) const {
  const auto given = values_.find(std::string(option));
  if (given != values_.end()) return given->second.back();
  const auto fallback = fallbacks_.find(std::string(option));
  return fallback != fallbacks_.end() ? fallback->second : "";
}

std::vector<std::string> Arguments::All(absl::string_view option) const {
  const auto given = values_.find(std::string(option));
  return given != values_.end() ? given->second : std::vector<std::string>();
}

absl::StatusOr<int64_t> Arguments::Number(absl::string_view option, int64_t least,
                                          int64_t most) const {
  int64_t number = 0;
  if (!absl::SimpleAtoi(Get(option), &number) || number < least || number > most) {
    return UsageError(
        absl::StrCat("--", option, " takes a whole number from ", least, " to ", most));
  }
  return number;
}

std::string Nearest(absl::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // Who types the beginning of a word means that word.
    const size_t edits =
        word.size() >= 3 && absl::StartsWith(candidate, word) ? 0 : Edits(word, candidate);
    if (edits < least && edits < candidate.size()) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

std::string HelpOf(const Command& command, absl::string_view path) {
  std::string usage = absl::StrCat("usage: ", path);
  if (!command.children.empty()) absl::StrAppend(&usage, " COMMAND");
  for (const Option& option : command.options) {
    if (option.required) absl::StrAppend(&usage, " ", OptionLeft(option));
  }
  const bool optional = std::any_of(command.options.begin(), command.options.end(),
                                    [](const Option& o) { return !o.required; });
  if (optional || !command.children.empty()) absl::StrAppend(&usage, " [OPTIONS]");
  for (const Positional& positional : command.positionals) {
    absl::StrAppend(&usage, positional.required ? " " : " [", positional.name,
                    positional.repeated ? " ..." : "", positional.required ? "" : "]");
  }
  std::string help = absl::StrCat(command.summary, ".\n\n", usage, "\n");
  for (absl::string_view paragraph : absl::StrSplit(command.description, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&help, "\n", Wrap(paragraph, 0), "\n");
  }
  if (!command.children.empty()) {
    absl::StrAppend(&help, "\nCommands:\n");
    size_t width = 0;
    for (const Command& child : command.children) width = std::max(width, child.name.size());
    for (const Command& child : command.children)
      AppendColumn(child.name, child.summary, width, &help);
    absl::StrAppend(&help, "\n`", path, " COMMAND --help` tells more about one.\n");
  }
  if (!command.positionals.empty()) {
    absl::StrAppend(&help, "\nArguments:\n");
    for (const Positional& positional : command.positionals)
      AppendColumn(positional.name, positional.help, 22, &help);
  }
  if (command.run != nullptr) {
    absl::StrAppend(&help, "\nOptions:\n");
    for (const Option& option : command.options) {
      std::string text = option.help;
      if (option.required) absl::StrAppend(&text, " (required)");
      if (option.repeated) absl::StrAppend(&text, " (may be repeated)");
      if (!option.fallback.empty()) absl::StrAppend(&text, " (default: ", option.fallback, ")");
      AppendColumn(OptionLeft(option), text, 22, &help);
    }
    AppendColumn("--json", "print JSON for machines", 22, &help);
  }
  if (!command.examples.empty()) {
    absl::StrAppend(&help, "\nExamples:\n");
    for (const std::string& example : command.examples) absl::StrAppend(&help, "  ", example, "\n");
  }
  if (command.run != nullptr) {
    absl::StrAppend(&help,
                    "\nExit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 not "
                    "reachable, 4 not proven.\n");
  }
  return help;
}

// Reads one command line.
class CommandLine {
 public:
  CommandLine(const Command& root, const std::vector<std::string>& words)
      : command_(&root), path_(root.name), words_(words) {}

  // Goes down the tree and reads options; `help` is set when help was asked for.
  absl::Status Read(bool* help, bool* json) {
    if (!std::all_of(words_.begin(), words_.end(), IsText))
      return UsageError("a word of the command line is not text in UTF-8");
    size_t at = 0;
    while (at < words_.size() && !command_->children.empty()) {
      const std::string& word = words_[at];
      if (word == "--help" || word == "-h" || word == "help") {
        *help = true;
        ++at;
        continue;
      }
      if (word == "--json") {
        *json = true;
        ++at;
        continue;
      }
      const Command* child = Child(word);
      if (child == nullptr) return UnknownCommand(word);
      command_ = child;
      absl::StrAppend(&path_, " ", child->name);
      ++at;
    }
    for (const Option& option : command_->options) {
      if (!option.fallback.empty()) arguments_.fallbacks_[option.name] = option.fallback;
    }
    bool only_positional = false;
    for (; at < words_.size(); ++at) {
      const std::string& word = words_[at];
      if (only_positional || word.size() < 2 || word[0] != '-') {
        arguments_.positional_.push_back(word);
      } else if (word == "--") {
        only_positional = true;
      } else if (word == "--help" || word == "-h") {
        *help = true;
      } else if (word == "--json") {
        *json = true;
      } else {
        EGOV_RETURN_IF_ERROR(ReadOption(&at));
      }
    }
    return *help ? absl::OkStatus() : CheckComplete();
  }

  const Command& command() const { return *command_; }
  const std::string& path() const { return path_; }
  const Arguments& arguments() const { return arguments_; }

 private:
  const Command* Child(absl::string_view name) const {
    for (const Command& child : command_->children) {
      if (child.name == name) return &child;
    }
    return nullptr;
  }

  absl::Status UnknownCommand(const std::string& word) const {
    std::vector<std::string> names;
    for (const Command& child : command_->children) names.push_back(child.name);
    const std::string near = Nearest(word, names);
    return UsageError(absl::StrCat(path_, " has no such command",
                                   near.empty()
                                       ? absl::StrCat("; it has ", absl::StrJoin(names, ", "))
                                       : absl::StrCat("; did you mean `", near, "`?")));
  }

  absl::Status ReadOption(size_t* at) {
    const std::pair<std::string, std::string> halves =
        absl::StrSplit(absl::StripPrefix(words_[*at], "--"), absl::MaxSplits('=', 1));
    const bool has_value = absl::StrContains(words_[*at], '=');
    for (const Option& option : command_->options) {
      if (option.name != halves.first) continue;
      if (arguments_.Has(option.name) && !option.repeated) {
        return UsageError(absl::StrCat("--", option.name, " is given twice"));
      }
      std::string value = halves.second;
      if (option.value.empty()) {
        if (has_value) return UsageError(absl::StrCat("--", option.name, " takes no value"));
      } else if (!has_value) {
        if (*at + 1 >= words_.size()) {
          return UsageError(
              absl::StrCat("--", option.name, " needs a value: ", OptionLeft(option)));
        }
        value = words_[++*at];
      }
      arguments_.values_[option.name].push_back(std::move(value));
      return absl::OkStatus();
    }
    std::vector<std::string> names = {"help", "json"};
    for (const Option& option : command_->options) names.push_back(option.name);
    const std::string near = Nearest(halves.first, names);
    return UsageError(
        absl::StrCat(path_, " has no such option",
                     near.empty() ? "" : absl::StrCat("; did you mean --", near, "?")));
  }

  absl::Status CheckComplete() const {
    if (command_->run == nullptr) return UsageError(absl::StrCat(path_, " needs a command"));
    for (const Option& option : command_->options) {
      if (option.required && !arguments_.Has(option.name)) {
        return UsageError(absl::StrCat("--", option.name, " is missing: ", option.help));
      }
    }
    size_t least = 0, most = 0;
    for (const Positional& positional : command_->positionals) {
      least += positional.required ? 1 : 0;
      most = positional.repeated ? SIZE_MAX : most + 1;
    }
    if (arguments_.positional_.size() < least) {
      return UsageError(
          absl::StrCat(command_->positionals[arguments_.positional_.size()].name, " is missing"));
    }
    if (arguments_.positional_.size() > most)
      return UsageError("there are more arguments than the command takes");
    return absl::OkStatus();
  }

  const Command* command_;
  std::string path_;
  const std::vector<std::string>& words_;
  Arguments arguments_;
};

namespace {

// A service's text may hold anything; a terminal obeys some of it.
std::string Visible(absl::string_view text) {
  std::string visible(text);
  for (char& c : visible) {
    if (absl::ascii_iscntrl(c) && c != '\n') c = '?';
  }
  return visible;
}

void PrintError(const absl::Status& status, absl::string_view path, Output* output) {
  const auto detail = base::DetailOf(status);
  if (output->json()) {
    std::string json =
        absl::StrCat("{\"code\": ", JsonString(absl::StatusCodeToString(status.code())));
    if (detail) {
      absl::StrAppend(&json, ", \"reason\": ", JsonString(detail->reason));
      if (!detail->field.empty())
        absl::StrAppend(&json, ", \"field\": ", JsonString(detail->field));
      if (!detail->expected.empty())
        absl::StrAppend(&json, ", \"expected\": ", JsonString(detail->expected));
    }
    output->err() << json << ", \"message\": " << JsonString(status.message()) << "}" << std::endl;
    return;
  }
  std::string text = absl::StrCat("egovctl: ", status.message());
  if (detail && detail->reason != "USAGE") {
    absl::StrAppend(&text, "\n  ", absl::StatusCodeToString(status.code()), " ", detail->reason);
    if (!detail->field.empty()) absl::StrAppend(&text, ", field ", detail->field);
    if (!detail->expected.empty()) absl::StrAppend(&text, "\n  expected: ", detail->expected);
    if (detail->retry_after > absl::ZeroDuration()) {
      absl::StrAppend(&text, "\n  try again in ", absl::FormatDuration(detail->retry_after));
    }
  } else if (!detail) {
    absl::StrAppend(&text, "\n  ", absl::StatusCodeToString(status.code()));
  }
  if (detail && detail->reason == "USAGE") absl::StrAppend(&text, "\nSee `", path, " --help`.");
  output->err() << Visible(text) << std::endl;
}

// A script must not take an answer that was cut off for a whole one.
int Written(int code, Output* output) {
  output->out().flush();
  if (output->out().good() || code != kExitOk) return code;
  output->err() << "egovctl: what it had to say could not be written whole; is the disk full, or "
                   "the output closed?"
                << std::endl;
  return kExitRefused;
}

}  // namespace

int RunCommandLine(const Command& root, absl::string_view version,
                   const std::vector<std::string>& words, Output* output) {
  if (words.size() == 1 && words[0] == "--version") {
    output->Raw(absl::StrCat(root.name, " ", version, "\n"));
    return Written(kExitOk, output);
  }
  if (words.empty()) {
    output->Raw(HelpOf(root, root.name));
    return kExitUsage;
  }
  bool help = false, json = false;
  CommandLine line(root, words);
  absl::Status status = line.Read(&help, &json);
  output->set_json(json);
  if (status.ok() && help) {
    output->Raw(HelpOf(line.command(), line.path()));
    return Written(kExitOk, output);
  }
  if (status.ok()) status = line.command().run(line.arguments(), *output);
  if (!status.ok()) PrintError(status, line.path(), output);
  return Written(ExitCodeOf(status), output);
}

}  // namespace egov::ctl
