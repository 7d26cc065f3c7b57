// Completion scripts. All three know the same: the words that may follow a command.
#include <fmt/format.h>

#include <functional>

#include "cli/command_tree.h"

namespace sluice::cli {
namespace {

using Visit = std::function<void(const CommandNode&)>;

void for_each(const std::vector<CommandNode>& commands, const Visit& visit) {
  for (const auto& command : commands) {
    visit(command);
    for_each(command.subcommands, visit);
  }
}

std::string words_after(const CommandNode& command) {
  std::string out;
  for (const auto& sub : command.subcommands) out += sub.name.substr(sub.name.rfind(' ') + 1) + " ";
  for (const auto& flag : command.flags) {
    for (const auto& name : flag.names) out += name + " ";
  }
  if (!out.empty()) out.pop_back();
  return out;
}

std::string first_words(const std::vector<CommandNode>& commands) {
  std::string out;
  for (const auto& command : commands) out += command.name + " ";
  return out + "help --help --version";
}

/// The two `case` tables that bash and zsh share: which words go deeper, and what may follow.
std::string case_deeper(const std::vector<CommandNode>& commands) {
  std::string out;
  for_each(commands, [&](const CommandNode& command) {
    out += fmt::format("{}\" {}\"", out.empty() ? "" : "|", command.name);
  });
  return out;
}

std::string case_words(const std::vector<CommandNode>& commands) {
  std::string out = fmt::format("    '') words='{}' ;;\n", first_words(commands));
  for_each(commands, [&](const CommandNode& command) {
    out += fmt::format("    ' {}') words='{}' ;;\n", command.name, words_after(command));
  });
  return out;
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

std::string bash_completion(const std::vector<CommandNode>& commands) {
  return fmt::format(
      "# bash completion for sluice: source <(sluice completion bash)\n"
      "_sluice() {{\n"
      "  local path='' words='' word\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case \"$path $word\" in {}) path=\"$path $word\" ;; esac\n"
      "  done\n"
      "  case \"$path\" in\n{}  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\")\n"
      "}}\n"
      "complete -o default -F _sluice sluice\n",
      case_deeper(commands), case_words(commands));
}

std::string zsh_completion(const std::vector<CommandNode>& commands) {
  return fmt::format(
      "#compdef sluice\n"
      "# zsh completion for sluice: sluice completion zsh > \"${{fpath[1]}}/_sluice\"\n"
      "_sluice() {{\n"
      "  local place='' words='' word\n"
      "  for word in \"${{(@)argv[2,CURRENT-1]}}\"; do\n"
      "    case \"$place $word\" in {}) place=\"$place $word\" ;; esac\n"
      "  done\n"
      "  case \"$place\" in\n{}  esac\n"
      "  compadd -- ${{=words}}\n"
      "  _files\n"
      "}}\n"
      "if [ \"$funcstack[1]\" = _sluice ]; then set -- $words; _sluice \"$@\"; else compdef _sluice sluice; "
      "fi\n",
      case_deeper(commands), case_words(commands));
}

std::string fish_completion(const std::vector<CommandNode>& commands) {
  std::string out = "# fish completion for sluice: sluice completion fish | source\n";
  for (const auto& command : commands) {
    out += fmt::format("complete -c sluice -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                       fish_quoted(command.text));
  }
  for_each(commands, [&](const CommandNode& command) {
    std::string when;
    for (std::string_view rest = command.name; !rest.empty();) {
      const auto space = rest.find(' ');
      when += fmt::format("{}__fish_seen_subcommand_from {}", when.empty() ? "" : "; and ",
                          rest.substr(0, space));
      rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    }
    for (const auto& sub : command.subcommands) {
      out += fmt::format("complete -c sluice -n '{}' -f -a {} -d {}\n", when,
                         sub.name.substr(sub.name.rfind(' ') + 1), fish_quoted(sub.text));
    }
    for (const auto& flag : command.flags) {
      out += fmt::format("complete -c sluice -n '{}'", when);
      for (const auto& name : flag.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      out += fmt::format("{} -d {}\n", flag.value.empty() ? "" : " -r", fish_quoted(flag.text));
    }
  });
  return out;
}

}  // namespace sluice::cli
