// The tree of commands and their flags, as the parsers themselves tell it (flags.h, describe_argument).
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace sluice::cli {

struct FlagNode {
  std::vector<std::string> names;  ///< "-t", "--topic"
  std::string value;               ///< "HOST:PORT"; empty: it takes none
  std::string preset;              ///< the default, empty where there is none
  std::string text;
};

struct OperandNode {
  std::string name;
  std::string text;
  bool required = false;
  bool many = false;
};

struct CommandNode {
  std::string name;  ///< "offsets lag"
  std::string text;
  std::vector<FlagNode> flags;
  std::vector<OperandNode> operands;
  std::vector<CommandNode> subcommands;
};

/// Every command. corrupt where one does not describe itself (its module is not there).
Result<std::vector<CommandNode>> command_tree();

/// Completion scripts for a tree.
std::string bash_completion(const std::vector<CommandNode>& commands);
std::string zsh_completion(const std::vector<CommandNode>& commands);
std::string fish_completion(const std::vector<CommandNode>& commands);

/// A man page in the man(7) macros: of one command, and of the program.
std::string man_page(const CommandNode& command);
std::string man_page_of_all(const std::vector<CommandNode>& commands);

}  // namespace sluice::cli
