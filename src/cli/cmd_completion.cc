// sluice completion bash|zsh|fish, and sluice man DIR: both made from what the commands' own parsers say.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/command_tree.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "env/posix.h"

namespace sluice::cli {
namespace {

Result<void> print_completion(const std::string& shell) {
  const auto tree = SLUICE_TRY(command_tree());
  return write_stdout(shell == "bash"  ? bash_completion(tree)
                      : shell == "zsh" ? zsh_completion(tree)
                                       : fish_completion(tree));
}

Result<void> write_man_pages(const std::string& dir) {
  const auto tree = SLUICE_TRY(command_tree());
  auto& files = env::posix_file_system();
  SLUICE_TRY(files.create_dirs_durable(dir));
  SLUICE_TRY(files.replace_file_durable(env::join(dir, "sluice.1"), as_bytes(man_page_of_all(tree))));
  for (const auto& command : tree) {
    const auto path = env::join(dir, "sluice-" + command.name + ".1");
    SLUICE_TRY(files.replace_file_durable(path, as_bytes(man_page(command))));
  }
  fmt::print("wrote {} pages to {}\n", tree.size() + 1, dir);
  return {};
}

}  // namespace

int run_completion(const std::vector<std::string>& arguments) {
  std::string shell;
  CLI::App app("Print a completion script for a shell.", "completion");
  app.add_option("SHELL", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  if (const auto code = parse_flags(app, arguments)) return *code;
  const auto result = print_completion(shell);
  return result ? int{exit_ok} : report(result.error());
}

int run_man(const std::vector<std::string>& arguments) {
  std::string dir;
  CLI::App app("Write the man pages of all commands into a directory.", "man");
  app.add_option("DIR", dir, "Where to")->required();
  if (const auto code = parse_flags(app, arguments)) return *code;
  const auto result = write_man_pages(dir);
  return result ? int{exit_ok} : report(result.error());
}

}  // namespace sluice::cli
