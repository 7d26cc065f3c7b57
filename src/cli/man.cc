// Man pages in the man(7) macros.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cli/command_tree.h"

namespace sluice::cli {
namespace {

/// Text as roff: no control line by accident, hyphens that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  if (!text.empty() && (text.front() == '.' || text.front() == '\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string page_name(std::string name) {
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string heading(std::string_view name) {
  std::string upper = page_name(std::string(name));
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH {} 1 \"\" \"sluice {}\" \"Sluice\"\n", roff(upper), SLUICE_VERSION);
}

std::string synopsis(const CommandNode& command) {
  std::string out = fmt::format(".B sluice {}\n", roff(command.name));
  if (!command.flags.empty()) out += "[FLAGS]\n";
  for (const auto& operand : command.operands) {
    out += fmt::format("{}{}{}{}\n", operand.required ? "" : "[", roff(operand.name),
                       operand.many ? "..." : "", operand.required ? "" : "]");
  }
  return out + ".br\n";
}

std::string flag_entries(const CommandNode& command) {
  std::string out;
  for (const auto& operand : command.operands) {
    out += fmt::format(".TP\n.I {}\n{}\n", roff(operand.name), roff(operand.text));
  }
  for (const auto& flag : command.flags) {
    std::string names;
    for (const auto& name : flag.names)
      names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(name));
    if (!flag.value.empty()) names += " \\fI" + roff(flag.value) + "\\fR";
    out += fmt::format(".TP\n{}\n{}{}\n", names, roff(flag.text),
                       flag.preset.empty() ? "" : fmt::format(" (default {})", roff(flag.preset)));
  }
  return out;
}

constexpr std::string_view exit_codes =
    ".SH EXIT STATUS\n"
    "0 done; 1 failed, or at least one row did; 2 wrong usage; 3 the check ran and the answer is bad; 4 the "
    "check could\n"
    "not decide; 78 the configuration is not valid; 130 interrupted, safe to go on later.\n";

}  // namespace

std::string man_page(const CommandNode& command) {
  std::string out = heading("sluice " + command.name);
  out += fmt::format(".SH NAME\nsluice\\-{} \\- {}\n.SH SYNOPSIS\n", roff(page_name(command.name)),
                     roff(command.text));
  if (command.subcommands.empty()) {
    out += synopsis(command) + ".SH OPTIONS\n" + flag_entries(command);
  } else {
    for (const auto& sub : command.subcommands) out += synopsis(sub);
    for (const auto& sub : command.subcommands) {
      out += fmt::format(".SH SLUICE {}\n{}\n{}", roff(sub.name), roff(sub.text), flag_entries(sub));
    }
  }
  out += exit_codes;
  return out + ".SH SEE ALSO\n.BR sluice (1)\n";
}

std::string man_page_of_all(const std::vector<CommandNode>& commands) {
  std::string out = heading("sluice");
  out += ".SH NAME\nsluice \\- move Kafka records into Parquet tables exactly once, and prove it\n";
  out += ".SH SYNOPSIS\n.B sluice\nCOMMAND [FLAGS]\n.SH COMMANDS\n";
  for (const auto& command : commands) {
    out += fmt::format(".TP\n.BR sluice\\-{} (1)\n{}\n", roff(command.name), roff(command.text));
  }
  return out + std::string(exit_codes);
}

}  // namespace sluice::cli
