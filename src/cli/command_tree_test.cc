#include "cli/command_tree.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

std::vector<CommandNode> tree() {
  CommandNode lag{"offsets lag", "How far", {{{"-t", "--topic"}, "TOPIC", "", "The topic"}}, {}, {}};
  CommandNode offsets{"offsets", "Where the log is", {}, {}, {lag}};
  CommandNode produce{
      "produce", "Send 'lines'", {{{"--json"}, "", "", ".json"}}, {{"TOPIC", "The topic", true, false}}, {}};
  return {offsets, produce};
}

TEST(Completion, EveryShellKnowsTheFlagsOfASubcommand) {
  EXPECT_NE(bash_completion(tree()).find("' offsets lag') words='-t --topic'"), std::string::npos);
  EXPECT_NE(zsh_completion(tree()).find("' offsets lag') words='-t --topic'"), std::string::npos);
  EXPECT_NE(fish_completion(tree()).find("-s t -l topic -r -d 'The topic'"), std::string::npos);
}

TEST(Completion, FishTextKeepsItsQuotes) {
  EXPECT_NE(fish_completion(tree()).find("-d 'Send \\'lines\\''"), std::string::npos);
}

TEST(ManPage, ListsSubcommandsFlagsAndExitCodes) {
  const auto page = man_page(tree()[0]);
  EXPECT_NE(page.find(".SH SLUICE offsets lag"), std::string::npos);
  EXPECT_NE(page.find("\\fB\\-t\\fR, \\fB\\-\\-topic\\fR \\fITOPIC\\fR"), std::string::npos);
  EXPECT_NE(page.find(".SH EXIT STATUS"), std::string::npos);
}

TEST(ManPage, TextNeverBecomesAControlLine) {
  EXPECT_NE(man_page(tree()[1]).find("\n\\&.json\n"), std::string::npos);
}

}  // namespace
}  // namespace sluice::cli
