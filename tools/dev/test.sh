# shellcheck shell=bash
# Running tests and adding them up. Sourced by ./dev, which sets the variables.
# shellcheck disable=SC2154

export ASAN_OPTIONS=${ASAN_OPTIONS:-strict_string_checks=1:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1}

passed=0 failed=0 failures=()

start_suite() {
  passed=0 failed=0 failures=() suite_started=$SECONDS
  mkdir -p "$logs"
}

# Ends with the plain line that machines read.
finish_suite() {
  local name
  printf '\n'
  for name in "${failures[@]}"; do
    printf '%sfailed%s  %s  (%s)\n' "$red" "$plain" "$name" "build/logs/$name.log"
  done
  say "took $((SECONDS - suite_started)) s"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0 && passed > 0)) || exit 1
}

# step NAME COMMAND...: runs it, its output in a log. A command whose last such line is "N passed, N failed" counts
# that many tests; any other counts as one.
step() {
  local name=$1 log=$logs/$1.log started=$SECONDS status good=0 bad=0
  shift
  printf '%-28s ' "$name"
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if [[ $(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1) =~ ^([0-9]+)\ passed,\ ([0-9]+) ]]; then
    good=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]}
  elif ((status == 0)); then
    good=1
  fi
  ((status == 0 || bad > 0)) || bad=1
  passed=$((passed + good)) failed=$((failed + bad))
  if ((bad)); then
    failures+=("$name")
    printf '%sFAILED%s  %d passed, %d failed  %d s\n' "$red" "$plain" "$good" "$bad" $((SECONDS - started))
    tail -n 60 "$log" | sed 's/^/    /'
  else
    printf '%sok%s  %d passed  %d s\n' "$green" "$plain" "$good" $((SECONDS - started))
  fi
}

# unit_tests PRESET: builds and runs every *_test of that build tree.
unit_tests() {
  compile "$1"
  python3 tools/run_unit_tests.py --jobs "$jobs" "build/$1"
}

e2e() { "$venv/bin/python" tests/e2e/run.py --sluice build/release/sluice "$@"; }

compat() { PATH=$venv/bin:$PATH tests/compat/run --sluice build/release/sluice "$@"; }

librdkafka_suite() { python3 tests/compat/librdkafka_suite.py short --sluice build/release/sluice; }

# Recorded requests with Apache Kafka's answers, asked of ours.
differential() { python3 tests/differential/run.py replay --sluice build/release/sluice; }

short_tests() {
  step unit unit_tests asan
  step e2e e2e
  step compat compat
  step differential differential
}

run_part() {
  case $1 in
    unit) step unit unit_tests asan ;;
    e2e) step e2e e2e "${@:2}" ;;
    compat) step compat compat "${@:2}" ;;
    differential) step differential differential ;;
    *) die "there is no part $1; there are: unit, e2e, compat, differential, check" ;;
  esac
}

long_tests() {
  setup_clang
  setup_java
  step build-clang compile clang
  step clang-tidy clang_tidy
  step unit-tsan unit_tests tsan
  step compat-long compat --java --clients
  step librdkafka-suite librdkafka_suite
  step e2e-long e2e --long
  step schema check_schema
  step fuzz-short fuzz_all 30
}

clang_tidy() {
  local -a sources
  mapfile -t sources < <(find src -name '*.cc' -not -path '*/generated/*' -not -name '*_test.cc')
  printf '%s\0' "${sources[@]}" | xargs -0 -n 4 -P "$jobs" clang-tidy-19 -p build/clang --quiet --warnings-as-errors='*'
}

check_schema() {
  tools/apache-kafka install
  python3 tools/check_schema.py "$(find "$cache"/apache-kafka-*/libs -name 'kafka-clients-[0-9.]*.jar' -not -name '*test*')"
}

# run_tests [--long] [PART [ARG]...]
run_tests() {
  local long=''
  if [[ ${1:-} == --long ]]; then
    long=1
    shift
  fi
  if [[ ${1:-} == check ]]; then
    run_checks "${@:2}"
    return
  fi
  start_suite
  setup_tests
  step build-release compile release
  if (($#)); then
    run_part "$@"
  else
    short_tests
    local name
    for name in "${checks[@]}"; do
      [[ $name == unit ]] || step "check-$name" "check_$name" # unit has run
    done
    [[ -z $long ]] || long_tests
  fi
  finish_suite
}

# fuzz_all SECONDS [NAME]: each target for that long, two at a time; what it finds stays in build/fuzz/findings.
fuzz_all() {
  local seconds=$1 only=${2:-}
  compile fuzz
  python3 tools/run_fuzzers.py --seconds "$seconds" --jobs "$jobs" ${only:+--only "$only"} build/fuzz
}

fuzz() {
  setup_tests
  setup_clang
  fuzz_all "${1:-300}" "${2:-}"
}

soak() {
  setup_judges
  build release
  if [[ ${1:-} == differential ]]; then
    setup_java
    python3 tests/differential/run.py live --sluice build/release/sluice --kafka tools/apache-kafka \
      --jobs 4 --requests "${2:-100000}" --seed "$RANDOM"
    python3 tests/differential/run.py page
    return
  fi
  local part=kill
  [[ ${1:-} != transactions ]] || { part=$1 && shift; }
  exec "$venv/bin/python" tests/e2e/soak.py --sluice build/release/sluice --part "$part" --seconds "${1:-3600}"
}
