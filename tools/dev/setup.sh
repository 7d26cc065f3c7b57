# shellcheck shell=bash
# What has to be on the machine. Sourced by ./dev, which sets the variables.
# shellcheck disable=SC2154

# Programs, as COMMAND:PACKAGE: one that is there already, from wherever, is taken.
readonly build_tools=(
  g++:g++ cmake:cmake ninja:ninja-build ccache:ccache make:make pkg-config:pkg-config python3:python3 npm:npm tar:tar
)
readonly build_packages=(
  ca-certificates python3-venv
  libboost1.81-dev libcli11-dev libfmt-dev libspdlog-dev libtomlplusplus-dev nlohmann-json3-dev libsimdjson-dev
  libssl-dev libzstd-dev liblz4-dev libsnappy-dev zlib1g-dev libxxhash-dev libre2-dev
)
readonly test_tools=(clang-format-19:clang-format-19 shellcheck:shellcheck kcat:kcat git:git)
readonly test_packages=(libgtest-dev libgmock-dev rapidjson-dev)
readonly clang_tools=(clang++-19:clang-19 clang-tidy-19:clang-tidy-19)
readonly clang_packages=(libclang-rt-19-dev llvm-19)
readonly java_tools=(java:default-jre-headless javac:default-jdk-headless mvn:maven)

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo --preserve-env=http_proxy,https_proxy,no_proxy,DEBIAN_FRONTEND "$@"
  else
    die "nothing was installed: needs root or sudo for: $*"
  fi
}

# Prints the packages, of COMMAND:PACKAGE and PACKAGE arguments, that are missing.
missing_packages() {
  local wanted installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
  for wanted; do
    if [[ $wanted == *:* ]]; then
      command -v "${wanted%%:*}" >/dev/null || echo "${wanted#*:}"
    else
      grep -qxF "$wanted" <<<"$installed" || echo "$wanted"
    fi
  done
}

install_packages() {
  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "this is not Debian: nothing was installed. Please install ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -q
  as_root apt-get install -q -y --no-install-recommends "${missing[@]}"
}

make_venv() {
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making a place for Python packages: $venv"
    mkdir -p "$cache"
    rm -rf "$venv"
    python3 -m venv "$venv"
  fi
}

# True when CMake finds Arrow 26 without our help.
system_has_arrow() {
  local probe found=1
  probe=$(mktemp -d)
  printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(probe CXX)' \
    'find_package(Arrow 26 REQUIRED CONFIG)' 'find_package(Parquet REQUIRED CONFIG)' >"$probe/CMakeLists.txt"
  cmake -S "$probe" -B "$probe/build" >/dev/null 2>&1 && found=0
  rm -rf "$probe"
  return $found
}

setup_arrow() {
  if [[ -f $prefix/lib/cmake/Arrow/pin ]] || ! system_has_arrow; then
    [[ -f $prefix/lib/cmake/Arrow/pin ]] || say "bringing Apache Arrow (pinned pyarrow wheel) into $prefix"
    PATH=$venv/bin:$PATH tools/arrow-from-wheel "$prefix"
  fi
}

setup_librdkafka() {
  if [[ -f $prefix/share/doc/librdkafka/pin ]] || ! pkg-config --exists 'rdkafka-static >= 2.8'; then
    [[ -f $prefix/share/doc/librdkafka/pin ]] || say "building librdkafka (about two minutes) into $prefix"
    JOBS=$jobs tools/librdkafka-from-source "$prefix"
  fi
}

# What `./dev build` needs.
setup() {
  install_packages "${build_tools[@]}" "${build_packages[@]}"
  make_venv
  mkdir -p "$prefix/lib"
  setup_arrow
  setup_librdkafka
}

# Readers and clients that this project did not write, for demo, tests and benchmarks.
setup_judges() {
  local stamp=$venv/judges.sha256
  setup
  sha256sum --check --status "$stamp" 2>/dev/null && return
  say "installing DuckDB, pyarrow and Kafka clients for Python into $venv"
  "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: \
    --requirement tools/judges.txt
  sha256sum tools/judges.txt >"$stamp"
}

setup_tests() {
  install_packages "${build_tools[@]}" "${build_packages[@]}" "${test_tools[@]}" "${test_packages[@]}"
  setup_judges
}

setup_clang() { install_packages "${clang_tools[@]}" "${clang_packages[@]}"; }

setup_java() { install_packages "${java_tools[@]}"; }
