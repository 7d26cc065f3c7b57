# shellcheck shell=bash
# Rules that a machine can hold us to. Sourced by ./dev, which sets the variables.
# shellcheck disable=SC2154

readonly checks=(format layers headers lengths scripts generated texts unit)

check_format() { cpp_sources | xargs -0 clang-format-19 --dry-run --Werror; }

check_layers() { python3 tools/check_layers.py; }

# A header that no source file includes first is compiled alone; the others are by their source file.
check_headers() {
  configure asan
  python3 tools/check_headers.py --compile-commands build/asan/compile_commands.json --jobs "$jobs"
}

check_lengths() { python3 tools/check_lengths.py; }

check_scripts() {
  local -a scripts
  mapfile -t scripts < <(grep -rlE --exclude-dir=.git --exclude-dir=build '^#!.*\bbash$|^# shellcheck shell=bash$' .)
  shellcheck --external-sources "${scripts[@]}"
  local file
  while IFS= read -r file; do
    python3 -c 'import sys; compile(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1], "exec")' "$file"
  done < <(grep -rlE --exclude-dir=.git --exclude-dir=build '^#!.*python3$' .)
  python3 -m unittest discover --start-directory tools --pattern '*_test.py'
  python3 -m unittest discover --start-directory tests/differential --pattern '*_test.py'
}

check_generated() { python3 tools/gen_wire.py --check; }

check_texts() { python3 tools/check_texts.py; }

check_unit() { unit_tests asan; }

# run_checks [NAME]: all, or one.
run_checks() {
  local name wanted=("${checks[@]}")
  if (($#)); then
    [[ " ${checks[*]} " == *" $1 "* ]] || die "there is no check $1; there are: ${checks[*]}"
    wanted=("$1")
  fi
  start_suite
  setup_tests
  for name in "${wanted[@]}"; do
    step "check-$name" "check_$name"
  done
  finish_suite
}
