"""The checks themselves: each is shown what it has to find, and what it has to leave alone."""
import pathlib
import tempfile
import unittest

import check_headers
import check_layers
import check_lengths
import check_texts

FOLDERS = {"base", "log", "broker", "audit", "lake", "cli"}


class Layers(unittest.TestCase):
    def test_reads_the_folder_lines_of_cmake(self):
        text = "sluice_folder(base)\nsluice_folder(lake USES base env ARROW)\n"
        self.assertEqual(check_layers.cmake_layers(text), {"base": set(), "lake": {"base", "env"}})

    def test_finds_an_include_that_breaks_the_table(self):
        found = check_layers.file_problems("src/log/a.h", "log", '#include "broker/broker.h"\n', FOLDERS, {"base"})
        self.assertEqual(found, ["src/log/a.h:1: log may not include broker"])

    def test_leaves_the_own_folder_and_allowed_ones_alone(self):
        text = '#include "log/segment.h"\n#include "base/error.h"\n#include <log/x.h>\n'
        self.assertEqual(check_layers.file_problems("src/log/a.cc", "log", text, FOLDERS, {"base"}), [])

    def test_finds_arrow_outside_of_lake_and_audit(self):
        text = "#include <arrow/api.h>\n"
        self.assertEqual(len(check_layers.file_problems("src/log/a.cc", "log", text, FOLDERS, set())), 1)
        self.assertEqual(check_layers.file_problems("src/audit/a.cc", "audit", text, FOLDERS, set()), [])

    def test_finds_an_edge_that_the_design_does_not_have(self):
        self.assertEqual(check_layers.cmake_problems({"log": {"base", "broker"}}),
                         ["CMakeLists.txt: log may not use broker"])

    def test_follows_edges_to_what_the_witness_may_not_reach(self):
        layers = {"audit": {"table"}, "table": {"lake"}, "lake": set()}
        self.assertIn("lake", check_layers.reachable(layers, "audit"))


def function(lines: int, head: str = "void f()") -> str:
    return head + " {\n" + "  x();\n" * lines + "}\n"


class Lengths(unittest.TestCase):
    def test_sixty_lines_are_enough_and_sixty_one_too_many(self):
        self.assertEqual(check_lengths.long_functions(function(60)), [])
        self.assertEqual(check_lengths.long_functions(function(61)), [(1, 61)])

    def test_knows_the_forms_of_a_function(self):
        for head in ("int C::f(int a) const", "auto f() -> int", "C::C(int a) : a_(a), b_{}", "auto g = [&](int a)",
                     "Result<std::map<int, int>> f(std::span<int> a) noexcept", "TEST(A, B)", "C::~C()",
                     "auto g = [this]", "template <class T>\nvoid f(T a)"):
            if head.endswith("]"):
                head += "()"
            with self.subTest(head):
                self.assertEqual(len(check_lengths.long_functions(function(70, head))), 1)

    def test_classes_and_namespaces_may_be_long(self):
        for head in ("namespace a::b", "class C : public D", "struct S", "enum class E : int", "int table[] ="):
            with self.subTest(head):
                self.assertEqual(check_lengths.long_functions(function(70, head)), [])

    def test_loops_inside_are_not_functions_of_their_own(self):
        body = "void f() {\n  for (int i = 0; i < 3; i++) {\n" + "x();\n" * 58 + "  }\n}\n"
        self.assertEqual(check_lengths.long_functions(body), [])

    def test_braces_in_strings_and_comments_do_not_count(self):
        text = 'void f() {\n  a("}");  // }\n  b(\'}\');\n  c(R"(}\n})");\n  d(1\'000);\n' + "x();\n" * 60 + "}\n"
        self.assertEqual(check_lengths.long_functions(text), [(1, 65)])

    def test_finds_long_python_and_shell(self):
        self.assertEqual(check_lengths.long_python("def f():\n" + "    x()\n" * 61), [(1, 61)])
        self.assertEqual(check_lengths.long_shell("f() {\n" + "  x\n" * 61 + "}\n"), [(1, 61)])
        self.assertEqual(check_lengths.long_shell("f() {\n" + "  x\n" * 60 + "}\n"), [])


class Headers(unittest.TestCase):
    def test_a_header_that_no_source_includes_first_is_unproven(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "src/a").mkdir(parents=True)
            (root / "src/a/one.h").write_text("")
            (root / "src/a/two.h").write_text("")
            (root / "src/a/one.cc").write_text('// words\n#include "a/one.h"\n#include "a/two.h"\n')
            self.assertEqual(check_headers.unproven(root), [root / "src/a/two.h"])

    def test_takes_the_flags_and_leaves_files_and_sanitizers(self):
        commands = [{"file": "/x/src/a/one.cc", "command": "/usr/bin/ccache /usr/bin/g++ -Isrc -fsanitize=address -Wall "
                                                          "-o one.o -c /x/src/a/one.cc"}]
        self.assertEqual(check_headers.flags_of(commands, "a"), ["/usr/bin/g++", "-Isrc", "-Wall"])


class Texts(unittest.TestCase):
    def test_finds_paths_of_a_machine_keys_and_reminders(self):
        home, mark = "/ho" + "me/ann/x", "TO" + "DO"
        for text in (f"see {home}", f"// {mark}: later", "/ro" + "ot/.cache/x"):
            with self.subTest(text):
                self.assertEqual(len(check_texts.forbidden_problems("a.md", text)), 1)

    def test_leaves_paths_of_the_project_alone(self):
        for text in ("build/work/x", "${HOME}/wo" + "rk/x", "${HOME:-/ro" + "ot}/.cache", "framework/work"):
            with self.subTest(text):
                self.assertEqual(check_texts.forbidden_problems("a.md", text), [])

    def test_finds_links_inside_pages(self):
        self.assertEqual(check_texts.LINK.findall("[a](docs/a.md#b) [c](https://x.y) [d](#e)"), ["docs/a.md"])


if __name__ == "__main__":
    unittest.main()
